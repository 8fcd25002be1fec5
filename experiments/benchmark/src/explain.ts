/** @file pnpm bench explain: which kernel runs each part of a training step, and why no faster one does. */
import "@tensorflow/tfjs";
import { precision } from "@sew/backend-native";
import { printable } from "@sew/kernels";
import { disposeModule } from "@sew/layers";
import { Command } from "commander";
import { explainStep } from "./explain/explainStep.js";
import { explanationLines } from "./explain/lines.js";
import { subjectNames, subjectOf } from "./explain/subject.js";
import type { InputShape } from "./inputs.js";
import { addNativeOptions, machineLine, type NativeOptions, useNative } from "./native.js";
import { atLeastOne, jsonFile } from "./options.js";
import { arithmeticSeconds, measurePeaks } from "./peak.js";
import { writeFigures } from "./writeFigures.js";

interface Options extends NativeOptions {
  readonly frames?: number;
  readonly batch?: number;
  readonly size?: number;
  readonly channels?: number;
  readonly json: string;
}

const program = new Command("pnpm bench explain")
  .description(
    "Runs training steps of a network on the native backend and lists, layer by layer, which kernel ran each part of the last " +
      "one, its time, and in a sentence below why no faster path was taken, with the remedy. A part that takes less than a " +
      "thousandth of the step is listed only where there is such a sentence. The last line is the time that the " +
      "products of its convolutions, and the additions in their place, take at the measured peak: no step on these paths is shorter.",
  )
  .argument(
    "<network>",
    `in the paper's notation, such as "c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC11", or one of ${subjectNames.join(", ")}`,
    subjectOf,
  )
  .option("--frames <n>", "time-steps T (default: 16; 4 of a ResNet)", atLeastOne)
  .option("--batch <n>", "sequences of a batch (default: 2; of a ResNet that of its row)", atLeastOne)
  .option("--size <n>", "height and width of the frames in pixels (default: 128; 224 of a ResNet)", atLeastOne)
  .option("--channels <n>", "channels of the frames (default: 2; 3 of a ResNet)", atLeastOne)
  .option("--json <file>", "write every part here, with its kernels", jsonFile, "runs/benchmark/explain.json")
  .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
  .showHelpAfterError("(--help lists the options)");
addNativeOptions(program).parse(process.argv.slice(3), { from: "user" });
const [subject] = program.processedArgs as [ReturnType<typeof subjectOf>];
const options = program.opts<Options>();

try {
  const machine = await useNative(options);
  const [steps, batch, height, width, channels] = subject.shape;
  const shape: InputShape = [
    options.frames ?? steps,
    options.batch ?? batch,
    options.size ?? height,
    options.size ?? width,
    options.channels ?? channels,
  ];
  const model = subject.build(shape, {});
  const explanation = await explainStep(model, shape, subject.input(shape));
  disposeModule(model);
  const arithmetic = arithmeticSeconds(explanation.paths, measurePeaks(5));
  console.log(machineLine(machine));
  console.log(`${printable(subject.network)} of [${shape}], ${precision()}\n`);
  console.log(printable(explanationLines(explanation, arithmetic).join("\n")));
  await writeFigures(
    options.json,
    {
      machine,
      runs: 1,
      network: subject.network,
      shape,
      precision: precision(),
      seconds: explanation.seconds,
      arithmetic,
    },
    explanation.parts,
  );
} catch (error) {
  console.error(printable(`error: ${(error as Error).message}`));
  process.exitCode = 1;
}
