/** The specs of TensorFlow.js that fail on the native backend, by full name, each with the reason why native is right. */
export const exceptions = {
  "avgPool native {} gradient x=[3,3,1] f=[3,3] s=1 p=explicit":
    "An average pool divides by the number of pixels in a window. The spec expects a gradient that divides by the window's " +
    "size, which is not the derivative at padded borders; TensorFlow's own gradient is native's.",
};
