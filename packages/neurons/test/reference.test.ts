import { describeReference } from "@sew/testing";

describeReference("neurons");
