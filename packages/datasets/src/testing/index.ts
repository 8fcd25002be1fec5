export { describeEventDataset } from "./describeEventDataset.js";
export { type DescribeSourceOptions, describeSource } from "./describeSource.js";
