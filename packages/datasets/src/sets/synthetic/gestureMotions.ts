/** @file How the hands move in each of the eleven gestures. */
import type { Random } from "@sew/random";
import type { Hand, Pose } from "./figure.js";

/** One performance of a gesture: its pace, and both hands at a phase. */
export interface Motion {
  /** Cycles per second at tempo 1. */
  readonly frequency: number;
  /** The pose at `phase` radians, 2 pi a cycle. */
  pose(phase: number): Pose;
}

/** Both arms hang down. */
export const restPose: Pose = { right: { x: 0.18, y: 1.85, bend: -1 }, left: { x: 0.18, y: 1.85, bend: -1 } };

/** Mirrors a motion: the other arm does it. Outward stays outward, so clockwise becomes counter-clockwise. */
const mirrored = ({ frequency, pose }: Motion): Motion => ({
  frequency,
  pose(phase) {
    const { right, left } = pose(phase);
    return { right: left, left: right };
  },
});

/** Open hands meet in front of the chest. */
function clap(rng: Random, reach: number): Motion {
  const y = rng.uniform(0.55, 0.85);
  return {
    frequency: 2.2,
    pose(phase) {
      const hand: Hand = { x: -0.48 + 0.42 * reach * (1 - Math.cos(phase)), y, bend: -1 };
      return { right: hand, left: hand };
    },
  };
}

/** The forearm swings beside the head about an elbow that stays. */
function wave(rng: Random, reach: number): Motion {
  const [x, y] = [rng.uniform(0.6, 0.8), rng.uniform(-0.2, -0.05)];
  return {
    frequency: 2,
    pose(phase) {
      const angle = 0.75 * reach * Math.sin(phase);
      return { right: { x: x + Math.sin(angle), y: y - Math.cos(angle), bend: 1 }, left: restPose.left };
    },
  };
}

/** The stretched arm draws large circles; `turn` 1 is counter-clockwise in the picture for the right arm. */
function circle(rng: Random, reach: number, turn: -1 | 1): Motion {
  const [x, y] = [rng.uniform(0.8, 0.95), rng.uniform(-0.05, 0.2)];
  return {
    frequency: 0.65,
    pose(phase) {
      const angle = turn * phase;
      const radius = 0.75 * reach;
      const right: Hand = { x: x + radius * Math.cos(angle), y: y + radius * Math.sin(angle), bend: 0.8 };
      return { right, left: restPose.left };
    },
  };
}

/** The forearms lie one over the other before the chest and turn about each other. */
function roll(rng: Random, reach: number): Motion {
  const y = rng.uniform(0.65, 0.9);
  const hand = (angle: number): Hand => ({
    x: -0.75 + 0.15 * Math.cos(angle),
    y: y + 0.38 * reach * Math.sin(angle),
    bend: -1,
  });
  return { frequency: 2, pose: (phase) => ({ right: hand(phase), left: hand(phase + Math.PI) }) };
}

/** Both hands beat downwards in turn, beside the body. */
function drums(rng: Random, reach: number): Motion {
  const [x, y] = [rng.uniform(0.15, 0.4), rng.uniform(0.6, 0.85)];
  const hand = (phase: number): Hand => ({ x, y: y + 0.6 * reach * Math.sin(phase), bend: -1 });
  return { frequency: 2.1, pose: (phase) => ({ right: hand(phase), left: hand(phase + Math.PI) }) };
}

/** The left hand holds the neck, the right one strums before the belly. */
function guitar(rng: Random, reach: number): Motion {
  const [x, y] = [rng.uniform(-0.6, -0.4), rng.uniform(1.1, 1.3)];
  return {
    frequency: 2.8,
    pose(phase) {
      const stroke = reach * Math.sin(phase);
      const neck = 0.12 * Math.sin(phase / 3);
      return {
        right: { x: x + 0.2 * stroke, y: y + 0.4 * stroke, bend: -1 },
        left: { x: 1.0 + neck, y: 0.35 - neck / 2, bend: 1 },
      };
    },
  };
}

/** Each hand follows a random closed curve of two frequencies. */
function other(rng: Random, reach: number): Motion {
  const path = (): ((phase: number) => Hand) => {
    const [x, y, bend] = [rng.uniform(-0.1, 0.9), rng.uniform(-0.6, 1.1), rng.uniform(-1, 1)];
    const terms = [1, 2].map((harmonic) => ({
      harmonic,
      x: (reach * rng.uniform(0.15, 0.5)) / harmonic,
      y: (reach * rng.uniform(0.15, 0.5)) / harmonic,
      shiftX: rng.uniform(0, 2 * Math.PI),
      shiftY: rng.uniform(0, 2 * Math.PI),
    }));
    return (phase) => ({
      x: terms.reduce((sum, a) => sum + a.x * Math.sin(a.harmonic * phase + a.shiftX), x),
      y: terms.reduce((sum, a) => sum + a.y * Math.sin(a.harmonic * phase + a.shiftY), y),
      bend,
    });
  };
  const [right, left] = [path(), path()];
  return { frequency: rng.uniform(0.9, 1.6), pose: (phase) => ({ right: right(phase), left: left(phase) }) };
}

/**
 * A performance of each gesture, in the order of `gestureClasses`; "clockwise" as the camera sees it.
 *
 * Drawn anew for each recording; `reach` is the size of the person's movements.
 */
export const gestureMotions: readonly ((rng: Random, reach: number) => Motion)[] = [
  clap,
  wave,
  (rng, reach) => mirrored(wave(rng, reach)),
  (rng, reach) => circle(rng, reach, -1),
  (rng, reach) => circle(rng, reach, 1),
  (rng, reach) => mirrored(circle(rng, reach, 1)),
  (rng, reach) => mirrored(circle(rng, reach, -1)),
  roll,
  drums,
  guitar,
  other,
];
