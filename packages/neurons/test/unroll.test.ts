import { describeBackends, expectClose, read, scoped } from "@sew/kernels/testing";
import { integrateAndFire, lif, neuron, type State, unroll } from "@sew/neurons";
import { spike } from "@sew/surrogates";
import { fill, grad, grads, onesLike, scalar, sum, tensor, tensor1d, tensor2d, zeros } from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";

describeBackends("unroll", () => {
  it("gives the spikes of every step, not of the last alone", () =>
    scoped(() => {
      const { spikes, state } = unroll(neuron(lif), zeros([4, 2, 3, 5]));
      expect([spikes.shape, state.v.shape]).toEqual([
        [4, 2, 3, 5],
        [2, 3, 5],
      ]);
    }));

  it("works out by hand: LIF, τ = 2, currents 1.5 1.5 0 3", () =>
    scoped(() => {
      // H = 0.75, 1.125 (fires), 0, 1.5 (fires)
      const { spikes, state } = unroll(neuron(lif), tensor2d([[1.5], [1.5], [0], [3]]));
      expect([read(spikes), read(state.v)]).toEqual([[0, 1, 0, 1], [0]]);
    }));

  it("sends the gradient back through time: IF, straight through, S[2] sees both currents and S[1] the first", () =>
    scoped(() => {
      // Nothing fires, so the detached reset passes everything: dS[t]/dX[s] = σ' for s ≤ t.
      const through = neuron(integrateAndFire, { vThreshold: 100 }, spike(onesLike));
      expect(read(grad((x) => unroll(through, x).spikes)(tensor2d([[1], [1], [1]])))).toEqual([3, 2, 1]);
    }));

  it("cuts the gradient at a spike when the reset is hard and detached", () =>
    scoped(() => {
      // The neuron fires at t = 1; what follows starts anew and knows nothing of it.
      const n = neuron(integrateAndFire, {}, spike(onesLike));
      expect(read(grad((x) => unroll(n, x).spikes)(tensor2d([[2], [0.25], [0.25]])))).toEqual([1, 2, 1]);
    }));

  it("gives the potential before the first step its gradient", () =>
    scoped(() => {
      const [dx, dv] = grads((x, v) => sum(unroll(neuron(lif), x, { v }).state.v))([
        tensor2d([[0], [0]]),
        tensor1d([0.5]),
      ]);
      expectClose(dx!, [0.25, 0.5]);
      expectClose(dv!, [0.25]);
    }));

  it("refuses an input without a time axis", () =>
    scoped(() =>
      expect(() => unroll(neuron(lif), scalar(1))).toThrow(
        new RangeError("unroll: x must be [T, ...] with T at least 1, got []"),
      ),
    ));

  it("refuses a sequence of no steps", () =>
    scoped(() =>
      expect(() => unroll(neuron(lif), tensor([], [0, 3]))).toThrow(
        new RangeError("unroll: x must be [T, ...] with T at least 1, got [0,3]"),
      ),
    ));

  it("refuses a potential of another shape, naming both", () =>
    scoped(() =>
      expect(() => unroll(neuron(lif), zeros([4, 2, 3]), { v: zeros([4, 2]) })).toThrow(
        new RangeError("unroll: v of the state must be [2,3], the shape of one step of x [4,2,3], got [4,2]"),
      ),
    ));

  it("refuses a state with other variables, naming both", () =>
    scoped(() => {
      const other = { u: zeros([3]) } as unknown as State<"v">;
      expect(() => unroll(neuron(lif), zeros([4, 3]), other)).toThrow(
        new RangeError("unroll: state must have the variables v of lif, got u"),
      );
    }));

  it.each([
    { parameter: [2], x: [4, 5, 3], channels: 3 },
    // More values than channels, of which one broadcasts.
    { parameter: [3], x: [4, 5, 1], channels: 1 },
    { parameter: [3], x: [4, 5, 0], channels: 0 },
  ])("refuses parameters of shape $parameter for currents of shape $x, in a sequence and in a step", (c) =>
    scoped(() => {
      const n = neuron(lif, { tau: fill(c.parameter, 2) });
      const message = (shape: number[]) =>
        `lif: tau must have 1 value or one for each of the ${c.channels} channels of x [${shape}], got [${c.parameter}]`;
      expect(() => unroll(n, zeros(c.x))).toThrow(new RangeError(message(c.x)));
      const step = c.x.slice(1);
      expect(() => n({ v: zeros(step) }, zeros(step))).toThrow(new RangeError(message(step)));
    }),
  );

  it.each([1, 3])("refuses parameters of shape [%s] for currents without channels", (size) =>
    scoped(() => {
      const n = neuron(lif, { tau: fill([size], 2) });
      const message = (shape: number[]) =>
        new RangeError(`lif: tau must be a scalar, since x [${shape}] has no channels, got [${size}]`);
      expect(() => unroll(n, zeros([4]))).toThrow(message([4]));
      expect(() => n({ v: scalar(0) }, scalar(0))).toThrow(message([]));
    }),
  );

  it("takes parameters of one value, and numbers, for any number of channels", () =>
    scoped(() => {
      for (const shape of [
        [4, 5, 0],
        [4, 0, 3],
        [4, 2, 3],
      ]) {
        for (const tau of [2, scalar(2), tensor1d([2])]) {
          const { spikes, state } = unroll(neuron(lif, { tau }), zeros(shape));
          expect([spikes.shape, state.v.shape]).toEqual([shape, shape.slice(1)]);
        }
      }
    }));
});
