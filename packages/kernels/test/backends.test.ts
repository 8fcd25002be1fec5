import { addBackend, describeBackends, unavailable, use, useDefaults } from "@sew/kernels/testing";
import { findBackendFactory, getBackend, registerBackend } from "@tensorflow/tfjs-core";
import { afterAll, describe, expect, it, vi } from "vitest";

const info = vi.spyOn(console, "info").mockImplementation(() => {});
let restored = 0;
const removeSecond = await addBackend({
  name: "second",
  register: () => {
    if (!findBackendFactory("second")) registerBackend("second", findBackendFactory("cpu"));
  },
  restoreDefaults: () => {
    restored++;
  },
});
const removeBroken = await addBackend({
  name: "broken",
  register: () => {
    throw new Error("it lacks a driver");
  },
});
afterAll(() => {
  removeSecond();
  removeBroken();
  info.mockRestore();
});

const ran: string[] = [];
describeBackends("a suite", (backend) => {
  it("runs on its backend", () => {
    ran.push(backend);
    expect(getBackend()).toBe(backend);
  });
});

describe("describeBackends", () => {
  it("runs on cpu and on every backend that was added and works", () => {
    expect(ran).toEqual(expect.arrayContaining(["cpu", "second"]));
    expect(ran).not.toContain("broken");
  });

  it("says once why it skips a backend", () => {
    expect(info.mock.calls).toEqual([["Suites skip the backend broken: it lacks a driver"]]);
    expect(unavailable("broken")).toBe("it lacks a driver");
  });

  it("leaves the backend that was current", () => expect(getBackend()).toBe("cpu"));
});

describe("addBackend", () => {
  it("does nothing for a backend that is there already", async () => {
    await addBackend({ name: "cpu", register: () => expect.unreachable() });
    expect(unavailable("cpu")).toBeUndefined();
  });
});

describe("use", () => {
  it("refuses a backend that TensorFlow.js does not have", () =>
    expect(use("third")).rejects.toThrow("Backend name 'third' not found in registry"));

  it("says of a backend that nobody added that there is none", () =>
    expect(unavailable("third")).toBe("no set-up file adds the backend third"));
});

describe("useDefaults", () => {
  it("restores the settings of the backend that it makes current", async () => {
    await useDefaults("second");
    expect([getBackend(), restored]).toEqual(["second", 1]);
    await use("cpu");
  });
});

describe("the function that addBackend returns", () => {
  it("removes the backend", () => {
    removeBroken();
    expect(unavailable("broken")).toBe("no set-up file adds the backend broken");
  });
});
