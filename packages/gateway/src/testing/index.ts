export {
  type ContractBrokerOptions,
  type ContractExpectation,
  type ContractFramework,
  type MakeBroker,
  brokerContract,
} from "./broker-contract.ts";
export { type ContractRegistry, type MakeRegistry, registryContract } from "./registry-contract.ts";
