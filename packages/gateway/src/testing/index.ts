export {
  type ContractBrokerOptions,
  type ContractExpectation,
  type ContractFramework,
  type MakeBroker,
  brokerContract,
} from "./broker-contract.ts";
