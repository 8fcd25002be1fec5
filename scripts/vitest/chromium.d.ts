import { type Browser } from "playwright-core";
/** Why no browser can be used; `undefined` when one can. */
export declare const chromiumMissing: string | undefined;
/** Starts Chromium without a window. */
export declare function launchChromium(): Promise<Browser>;
/**
 * What is wrong with a report, as one reads it at 1400 and 390 pixels, light and dark: errors, requests, sideways scrolling,
 * text over curves or over other text, and charts without values under the mouse, a finger or the arrow keys.
 */
export declare function faultsOfReport(browser: Browser, file: string): Promise<string[]>;
//# sourceMappingURL=chromium.d.ts.map