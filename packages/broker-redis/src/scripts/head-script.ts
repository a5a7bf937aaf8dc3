import { openStream } from "./open-stream.ts";
import { script } from "./script.ts";

/** Where a stream is, which also keeps it from being forgotten. Answers birth, offset, tag, revision, its tag. */
export const headScript = script(`${openStream}
openStream()
putOffExpiry()
return { birth, offset, tag, revision, mark }
`);
