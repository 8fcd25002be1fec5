import { describeReference } from "@sew/testing";

describeReference("surrogates");
