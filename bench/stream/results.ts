/** The results of a run of the stream benchmark by subject and case: types, and the names of the cases. */
import type { NotSupported } from "./cases/case.ts";
import type { CrowdResult } from "./cases/crowd.ts";
import type { FaultResult } from "./cases/faults.ts";
import type { GoneResults } from "./cases/gone.ts";
import type { GroupResult } from "./cases/group.ts";
import type { LongTextResult } from "./cases/long-text.ts";
import type { ManyChatsResult } from "./cases/many-chats.ts";
import type { PrivateResult } from "./cases/private.ts";
import type { OtherChatsResult, SecondMessageResult } from "./cases/second-message.ts";
import type { StopResults } from "./cases/stop.ts";
import type { FreezeResult } from "./cases/too-many-requests.ts";
import type { ToolPauseResult } from "./cases/tool-pause.ts";
import type { SubjectName } from "./subject.ts";

/** The values of `--only`, in the order in which the cases run. */
export const CASES = [
  "private",
  "group",
  "429",
  "tool",
  "long",
  "stop",
  "second",
  "faults",
  "gone",
  "crowd",
  "others",
  "many",
] as const;
export type CaseName = (typeof CASES)[number];

export interface CaseResults {
  private: PrivateResult;
  group: GroupResult | NotSupported;
  "429": FreezeResult[];
  tool: ToolPauseResult;
  long: LongTextResult[];
  stop: StopResults | NotSupported;
  second: SecondMessageResult;
  faults: FaultResult[];
  gone: GoneResults;
  crowd: CrowdResult;
  others: OtherChatsResult;
  many: ManyChatsResult[];
}

/** The results of one subject. Cases that were not selected are missing. */
export type SubjectResults = Partial<CaseResults>;

export type StreamResults = Partial<Record<SubjectName, SubjectResults>>;
