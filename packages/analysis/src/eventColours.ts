/** Colours of events: red, green and blue up to 255. They differ in hue and in lightness, for the colour-blind. */
export const eventColours = { on: [38, 120, 205], off: [232, 119, 12] } as const;
