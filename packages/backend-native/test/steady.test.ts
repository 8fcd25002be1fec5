import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeNative } from "./describeNative.js";

interface State {
  readonly rss: number;
  readonly liveBytes: number;
}

describeNative("300 training steps on stored spikes", () => {
  it("use the memory that the first half did, to TensorFlow.js, to the pool and to the system", () => {
    // A process of its own: this one grows with what vitest notes.
    const program = fileURLToPath(new URL("steadyRun.mjs", import.meta.url));
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--expose-gc", program], {
      encoding: "utf8",
      // Not the emulation of a matrix unit: there the steps take minutes.
      env: { ...process.env, SEW_SPIKES: "auto", SEW_ISA: undefined },
    });
    expect([status, stderr]).toEqual([0, ""]);
    const states = JSON.parse(stdout) as State[];
    expect(states.length).toBe(300);
    const withoutSize = states.map(({ rss: _, ...counted }) => counted);
    for (const later of withoutSize.slice(150)) expect(later).toEqual(withoutSize[149]);
    // V8 grows by 8 MB once, within the first 60 steps. The least that later ones could leave, 32 KiB of events each, is 4.9 MB.
    const [start, ...later] = states.filter((_, i) => i % 10 === 9 && i >= 149).map(({ rss }) => rss);
    expect(Math.max(...later) - start!).toBeLessThan(4 * 2 ** 20);
  });
});
