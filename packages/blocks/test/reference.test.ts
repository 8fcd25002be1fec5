import { describeReference } from "@sew/testing";

describeReference("blocks");
