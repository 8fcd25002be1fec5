import { type Random, random } from "@sew/random";
import type { Events } from "../../events.js";
import { createEventCamera } from "./eventCamera.js";
import { drawSubject, type Hand, type Pose } from "./figure.js";
import { gestureMotions, type Motion, restPose } from "./gestureMotions.js";
import { createRenderer } from "./renderFigure.js";

/** What the room does to a recording: name, contrast of the picture, noise of the camera in events per second and pixel. */
export const lights = [
  { name: "led", contrast: 1, noise: 0.05 },
  { name: "natural", contrast: 0.85, noise: 0.1 },
  { name: "fluorescent", contrast: 0.9, noise: 0.15 },
  { name: "lab", contrast: 1.1, noise: 0.07 },
] as const;

/** Time between two pictures, in microseconds. */
const STEP = 2000;
/** Time from one gesture to the next, in microseconds. */
const PAUSE = 300_000;

/** Which recording. */
export interface RecordingPlan {
  readonly seed: number;
  /** Number of the person. */
  readonly subject: number;
  /** Index into `lights`. */
  readonly light: number;
  /** Mean length of a gesture, in seconds. */
  readonly gestureSeconds: number;
}

/** One row of a label file; times in microseconds. */
export interface GestureLabel {
  /** Class as in label files, from 1. */
  readonly gesture: number;
  readonly start: number;
  readonly end: number;
}

/** The events of one person who performs all eleven gestures under one light, with pauses, and their labels. */
export function recordGestures({ seed, subject, light, gestureSeconds }: RecordingPlan): {
  readonly events: Events;
  readonly labels: readonly GestureLabel[];
} {
  const person = drawSubject(random(seed, subject));
  const rng = random(seed, subject, light);
  const { contrast, noise } = lights[light]!;
  const camera = createEventCamera(
    { threshold: 0.25, mismatch: 0.1, refractory: 400, noise, hotPixels: 4, hotRate: 20 },
    rng,
  );
  const { image, draw } = createRenderer(person, contrast);
  const sway = wobble(rng, 0.3, 0.7);
  const tremors = {
    right: [wobble(rng, 1, 4), wobble(rng, 1, 4)],
    left: [wobble(rng, 1, 4), wobble(rng, 1, 4)],
  } as const;

  let t = 0;
  const show = (pose: Pose): void => {
    const shaken = (hand: Hand, [x, y]: (typeof tremors)["right"]): Hand => ({
      x: hand.x + person.tremor * x(t),
      y: hand.y + person.tremor * y(t),
      bend: hand.bend,
    });
    const changed = draw(
      { right: shaken(pose.right, tremors.right), left: shaken(pose.left, tremors.left) },
      1.2 * sway(t),
    );
    camera.see(image, t, changed);
    t += STEP;
  };
  const labels: GestureLabel[] = [];
  let pose = restPose;
  for (const [k, draft] of gestureMotions.entries()) {
    const perform = performance(draft(rng, person.reach), person.tempo, rng);
    const from = pose;
    const start = t + PAUSE;
    while (t < start) show(between(from, perform(0), 1 - (start - t) / PAUSE));
    const end = start + STEP * Math.round((gestureSeconds * 1e6 * rng.uniform(0.9, 1.1)) / STEP);
    while (t < end) {
      pose = perform((t - start) / 1e6);
      show(pose);
    }
    labels.push({ gesture: k + 1, start, end });
  }
  show(pose); // Shows what happened up to the last label's end.
  return { events: camera.events(), labels };
}

/** A motion over seconds, at a person's tempo, from a random phase, a little faster and slower on the way. */
function performance({ frequency, pose }: Motion, tempo: number, rng: Random): (seconds: number) => Pose {
  const hertz = frequency * tempo * rng.uniform(0.9, 1.1);
  const [phase, drift, driftPhase] = [0, 1, 2].map(() => rng.uniform(0, 2 * Math.PI)) as [number, number, number];
  return (s) => pose(phase + 2 * Math.PI * hertz * s + 0.3 * Math.sin(drift * s + driftPhase));
}

/** A slow irregular movement of size about 1, between two frequencies in hertz, over microseconds. */
function wobble(rng: Random, low: number, high: number): (t: number) => number {
  const waves = [0, 1, 2].map(() => ({ rate: (2 * Math.PI * rng.uniform(low, high)) / 1e6, phase: rng.uniform(0, 7) }));
  return (t) => waves.reduce((sum, { rate, phase }) => sum + Math.sin(rate * t + phase), 0) / Math.sqrt(1.5);
}

/** From pose a to pose b; starts and ends without a jerk. */
function between(a: Pose, b: Pose, part: number): Pose {
  const s = part * part * (3 - 2 * part);
  const mid = (from: Hand, to: Hand): Hand => ({
    x: from.x + s * (to.x - from.x),
    y: from.y + s * (to.y - from.y),
    bend: from.bend + s * (to.bend - from.bend),
  });
  return { right: mid(a.right, b.right), left: mid(a.left, b.left) };
}
