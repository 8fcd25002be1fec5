import { describeReference } from "@sew/testing";

describeReference("networks", { cpu: "20 GFLOP in plain JavaScript take minutes; the native backend runs it" });
