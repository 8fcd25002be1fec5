/** @file Pictures of the synthetic person, as log intensities above the background. */
import { GESTURE_SENSOR as SIDE } from "../dvsGesture.js";
import { type Arm, type Point, type Pose, placeArm, type Subject } from "./figure.js";

/** Width of a soft edge, in pixels: the blur of the lens. */
const EDGE = 2;
/** How much darker than its middle the side of a limb is. */
const SHADE = 0.12;

/** A rectangle of the picture: rows in [top, bottom), columns in [left, right). */
export interface Window {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Draws poses of one person into one picture, again and again. */
export interface Renderer {
  /** The picture: log intensities `[128, 128]`, 0 for the background. */
  readonly image: Float32Array;
  /**
   * Draws a pose in place of the one before.
   *
   * @param sway how far the body has moved to the right, in pixels
   * @returns where the picture may have changed
   */
  draw(pose: Pose, sway: number): Window;
}

/** A renderer for `subject`; `contrast` scales all its levels. */
export function createRenderer(subject: Subject, contrast: number): Renderer {
  const { x, y, limb, shoulder, armRadius, handRadius, headRadius, skin, shirt, sleeve, forearm } = subject;
  const body = new Float32Array(SIDE * SIDE);
  const head = y - 2 * headRadius;
  const hip = { x, y: y + 2.6 * limb };
  const [right, left] = [x - 0.6 * shoulder, x + 0.6 * shoulder];
  const still = [
    drawCapsule(body, { x, y: y + 0.55 * shoulder }, hip, 0.95 * shoulder, shirt * contrast),
    drawCapsule(body, { x: right, y: y + 3 }, { x: left, y: y + 3 }, 0.5 * shoulder, shirt * contrast),
    drawCapsule(body, { x, y: y - 0.6 * headRadius }, { x, y }, 0.45 * headRadius, skin * contrast),
    drawCapsule(
      body,
      { x, y: head - 0.2 * headRadius },
      { x, y: head + 0.2 * headRadius },
      headRadius,
      skin * contrast,
    ),
  ].reduce(union);

  const image = new Float32Array(SIDE * SIDE);
  const drawArm = ({ shoulder, elbow, hand }: Arm): Window =>
    [
      drawCapsule(image, shoulder, elbow, armRadius, sleeve * contrast),
      drawCapsule(image, elbow, hand, 0.9 * armRadius, forearm * contrast),
      drawCapsule(image, hand, hand, handRadius, skin * contrast),
    ].reduce(union);
  let before: Window = { top: 0, bottom: SIDE, left: 0, right: SIDE };
  return {
    image,
    draw(pose, sway) {
      const reach = Math.ceil(Math.abs(sway)) + 1;
      const moved = {
        ...still,
        left: Math.max(0, still.left - reach),
        right: Math.min(SIDE, still.right + reach),
      };
      shiftRight(body, sway, image, union(before, moved));
      const arms = ([-1, 1] as const).map((side) =>
        drawArm(placeArm(subject, side, side < 0 ? pose.right : pose.left, sway)),
      );
      const now = arms.reduce(union, moved);
      const changed = union(before, now);
      before = now;
      return changed;
    },
  };
}

function union(a: Window, b: Window): Window {
  return {
    top: Math.min(a.top, b.top),
    bottom: Math.max(a.bottom, b.bottom),
    left: Math.min(a.left, b.left),
    right: Math.max(a.right, b.right),
  };
}

/** `image[y, x] = body[y, x - by]` in a window, linear between pixels; what left the picture comes in on the other side. */
function shiftRight(body: Float32Array, by: number, image: Float32Array, { top, bottom, left, right }: Window): void {
  const whole = Math.floor(by);
  const part = by - whole;
  for (let row = top; row < bottom; row++) {
    const start = row * SIDE;
    let before = body[start + ((left - whole - 1) & (SIDE - 1))]!;
    for (let column = left; column < right; column++) {
      const here = body[start + ((column - whole) & (SIDE - 1))]!;
      image[start + column] = here + part * (before - here);
      before = here;
    }
  }
}

/**
 * Draws the points within `radius` of the segment a b over what is there, with a soft edge and rounded shading.
 *
 * @returns where that is
 */
function drawCapsule(image: Float32Array, a: Point, b: Point, radius: number, level: number): Window {
  const outer = radius + EDGE / 2;
  const left = Math.max(0, Math.ceil(Math.min(a.x, b.x) - outer));
  const right = Math.min(SIDE, Math.floor(Math.max(a.x, b.x) + outer) + 1);
  const top = Math.max(0, Math.ceil(Math.min(a.y, b.y) - outer));
  const bottom = Math.min(SIDE, Math.floor(Math.max(a.y, b.y) + outer) + 1);
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const perLength = 1 / Math.max(dx * dx + dy * dy, 1e-9);
  const shade = (SHADE * level) / (radius * radius);

  for (let y = top; y < bottom; y++) {
    const py = y - a.y;
    for (let x = left; x < right; x++) {
      const px = x - a.x;
      const along = Math.min(1, Math.max(0, (px * dx + py * dy) * perLength));
      const [ex, ey] = [px - along * dx, py - along * dy];
      const square = ex * ex + ey * ey;
      if (square >= outer * outer) continue;
      const cover = Math.min(1, (outer - Math.sqrt(square)) / EDGE);
      const i = y * SIDE + x;
      image[i]! += cover * (level - shade * square - image[i]!);
    }
  }
  return { top, bottom, left, right };
}
