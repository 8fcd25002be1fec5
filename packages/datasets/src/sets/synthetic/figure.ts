/** @file The synthetic person: proportions, and how an arm lies when its hand is somewhere. */
import type { Random } from "@sew/random";

/** Where a hand is and how its arm bends, in units of a limb (upper arm = forearm = 1), from its own shoulder. */
export interface Hand {
  /** Outward, away from the other arm. */
  readonly x: number;
  /** Downward. */
  readonly y: number;
  /** Side of the elbow, -1..1: at -1 outward of a hanging arm, at 1 below a raised one; in between, foreshortened. */
  readonly bend: number;
}

/** Both hands. The right one is on the left of the picture: the person faces the camera. */
export interface Pose {
  readonly right: Hand;
  readonly left: Hand;
}

/** One person. Lengths in pixels, levels in log intensity above the background. */
export interface Subject {
  /** Picture column between the shoulders. */
  readonly x: number;
  /** Picture row of the shoulders. */
  readonly y: number;
  /** Length of the upper arm, and of the forearm. */
  readonly limb: number;
  /** From the middle to a shoulder. */
  readonly shoulder: number;
  readonly armRadius: number;
  readonly handRadius: number;
  readonly headRadius: number;
  readonly skin: number;
  readonly shirt: number;
  readonly sleeve: number;
  readonly forearm: number;
  /** Speed of movements, around 1. */
  readonly tempo: number;
  /** Size of movements, around 1. */
  readonly reach: number;
  /** Involuntary movement of the hands, in limbs. */
  readonly tremor: number;
}

/** A random person. */
export function drawSubject(rng: Random): Subject {
  const size = rng.uniform(0.88, 1.08);
  const skin = rng.uniform(0.75, 1.05);
  const sleeve = rng.uniform(0.5, 0.75);
  const shortSleeves = rng.int(2) === 0;
  return {
    x: 64 + rng.uniform(-6, 6),
    y: 54 + rng.uniform(-5, 5),
    limb: 24 * size * rng.uniform(0.95, 1.05),
    shoulder: 15 * size * rng.uniform(0.9, 1.15),
    armRadius: 4 * size * rng.uniform(0.85, 1.25),
    handRadius: 5.2 * size * rng.uniform(0.9, 1.15),
    headRadius: 10.5 * size * rng.uniform(0.95, 1.1),
    skin,
    shirt: sleeve - rng.uniform(0.2, 0.35),
    sleeve,
    forearm: shortSleeves ? skin : sleeve,
    tempo: rng.uniform(0.85, 1.2),
    reach: rng.uniform(0.85, 1.15),
    tremor: rng.uniform(0.01, 0.03),
  };
}

/** A point of the picture. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Shoulder, elbow and hand of an arm. */
export interface Arm {
  readonly shoulder: Point;
  readonly elbow: Point;
  readonly hand: Point;
}

/**
 * The arm whose hand is as wanted, within reach.
 *
 * With r the distance of shoulder and hand, the elbow is half-way, and `bend * sqrt(1 - (r/2)^2)` limbs to the side.
 *
 * @param side -1 for the right arm (left of the picture), 1 for the left arm
 * @param sway how far the body has moved to the right of the picture, in pixels
 */
export function placeArm(subject: Subject, side: -1 | 1, { x, y, bend }: Hand, sway: number): Arm {
  const distance = Math.hypot(x, y);
  const fit = Math.min(1, 1.96 / Math.max(distance, 1e-6));
  const [handX, handY] = [x * fit, y * fit];
  const reach = distance * fit;
  const out = (bend * Math.sqrt(1 - (reach / 2) ** 2)) / Math.max(reach, 0.2);
  const shoulder = { x: subject.x + sway + side * subject.shoulder, y: subject.y };
  const at = (u: number, v: number): Point => ({
    x: shoulder.x + side * subject.limb * u,
    y: shoulder.y + subject.limb * v,
  });
  return {
    shoulder,
    elbow: at(handX / 2 - handY * out, handY / 2 + handX * out),
    hand: at(handX, handY),
  };
}
