export { accountChannel, accountProblem, defaultAccount, streamName } from "./account.ts";
export {
  createPublishing,
  operatorPrefix,
  type Publishing,
  type PublishingOptions,
  type PublishObserver,
  type PublishOutcome,
  type PublishScope,
  receiptOf,
} from "./publishing.ts";
