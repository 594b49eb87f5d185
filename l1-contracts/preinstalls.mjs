// Takes the code of the contracts of others that L2 begins with (`bindings/src/preinstalls.rs`) out of published npm
// packages, into `out/preinstalls.json`. One file of each package is needed, and none of what it depends on, so packages
// are not installed: npm downloads them, their hashes are compared, one file is read. No line of theirs is run.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(import.meta.url);
const target = join(dirname(script), "out", "preinstalls.json");

const PACKAGES = {
  safe: {
    name: "@gnosis.pm/safe-contracts@1.3.0",
    integrity: "sha512-1p+1HwGvxGUVzVkFjNzglwHrLNA67U/axP0Ct85FzzH8yhGJb4t9jDjPYocVMzLorDoWAfKicGy1akPY9jXRVw==",
  },
  accounts06: {
    name: "@account-abstraction/contracts@0.6.0",
    integrity: "sha512-8ooRJuR7XzohMDM4MV34I12Ci2bmxfE9+cixakRL7lA4BAwJKQ3ahvd8FbJa9kiwkUPCUNtj+/zxDQWYYalLMQ==",
  },
  accounts07: {
    name: "@account-abstraction/contracts@0.7.0",
    integrity: "sha512-Bt/66ilu3u8I9+vFZ9fTd+cWs55fdb9J5YKfrhsrFafH1drkzwuCSL/xEot1GGyXXNJLQuXbMRztQPyelNbY1A==",
  },
  optimism: {
    name: "@eth-optimism/contracts-bedrock@0.17.3",
    integrity: "sha512-cHPO7ntWeOBDLO7ZFFSZGI1D7CDqf4loRbRVJrFIsqLEz+hysWIqA0e3dv2GnrjVeuYePBfI2NTBEG4uwz9bQQ==",
  },
  ignition: {
    name: "@nomicfoundation/ignition-core@3.1.9",
    integrity: "sha512-HpAUqg3wh1FnpQMfLc/K10UJFTcyABLcPiZmNk5Rc5Znx1FzMOLPUvyMO/Vl3Ta21u8INQJ2VhmJeCiXpRzgRw==",
  },
};

// Of a compiler's artifact, both codes.
function artifact(text) {
  const { bytecode, deployedBytecode } = JSON.parse(text);
  return { creation: bytecode, deployed: deployedBytecode };
}

// A constant of a Solidity library with deployed codes.
const constant = (name) => (text) => ({
  deployed: `0x${one(text, new RegExp(`\\b${name} =\\s+hex"([0-9a-f]+)"`))}`,
});

// Permit2, whose immutables are in the library as on mainnet: the chain's id and its EIP-712 domain. They become zeros, as
// in artifacts. The constructor, which is not there, is what solc 0.8.17 makes of its source, with these two places; that it
// is right, and so the code, shows the address, which follows from both.
function permit2(text) {
  const zeros = "0".repeat(64);
  let { deployed } = constant("Permit2TemplateCode")(text);
  const mainnet = ["1".padStart(64, "0"), "866a5aba21966af95d6c7ab78eb2b2fc913915c28be3b9aa07cc04ff903e3f28"];
  for (const value of mainnet) {
    one(deployed, new RegExp(`7f(${value})`));
    deployed = deployed.replace(`7f${value}`, `7f${zeros}`);
  }
  const constructor = [
    "60c0346100bb574660a052602081017f8cad95687ba82c2ce50e74f7b754645e5117c3a5bec8151c0726d5857980a86681527f9ac997416e8ff9d2",
    "ff6bebeb7149f65cdae5e32e2b90440b566bb3044041d36a60408301524660608301523060808301526080825260a0820191808310600180604",
    "01b038411176100a557826040525190206080526123c090816100c1823960805181611b47015260a05181611b210152f35b634e487b7160e01b60",
    "0052604160045260246000fd5b600080fdfe",
  ].join("");
  return { creation: `0x${constructor}${deployed.slice(2)}`, deployed };
}

// Of a signed transaction that creates a contract (RLP, whose data is longer than 255 bytes and goes to nobody), all.
const transaction = (name) => (text) => {
  const transaction = one(text, new RegExp(`\\b${name} = "(0x[0-9a-f]+)"`));
  const [head, length] = transaction.match(/80b9([0-9a-f]{4})/);
  const start = transaction.indexOf(head) + head.length;
  const creation = `0x${transaction.slice(start, start + 2 * parseInt(length, 16))}`;
  return { transaction, creation, deployed: deployed(creation) };
};

// What a contract's own creation code carries behind the deployed code: another contract's, which it creates.
function created({ creation, deployed: own }) {
  const inner = `0x${creation.slice(creation.indexOf(own.slice(2)) + own.length - 2)}`;
  return { creation: inner, deployed: deployed(inner) };
}

// What solc puts behind a constructor without arguments, which ends with an invalid instruction (0xfe).
function deployed(creation) {
  return `0x${one(creation, /^0x(?:[0-9a-f]{2})*?fe(6080[0-9a-f]+)$/)}`;
}

function one(text, pattern) {
  const found = text.match(pattern)?.[1];
  if (!found) throw new Error(`nothing matches ${pattern}`);
  return found;
}

const safe = "build/artifacts/contracts";
const optimism = "src/libraries/Preinstalls.sol";
// Contract, package, its file, what is read in it.
const CONTRACTS = [
  ["Safe_v130", "safe", `${safe}/GnosisSafe.sol/GnosisSafe.json`, artifact],
  ["SafeL2_v130", "safe", `${safe}/GnosisSafeL2.sol/GnosisSafeL2.json`, artifact],
  ["MultiSend_v130", "safe", `${safe}/libraries/MultiSend.sol/MultiSend.json`, artifact],
  ["MultiSendCallOnly_v130", "safe", `${safe}/libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json`, artifact],
  ["EntryPoint_v060", "accounts06", "artifacts/EntryPoint.json", artifact],
  ["EntryPoint_v070", "accounts07", "artifacts/EntryPoint.json", artifact],
  ["Permit2", "optimism", optimism, permit2],
  ["Create2Deployer", "optimism", optimism, constant("Create2DeployerCode")],
  ["CreateX", "ignition", "dist/src/internal/execution/strategy/createx-artifact.js", transaction("presignedTx")],
];

function run(command, args, options) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { maxBuffer: 64 << 20, ...options });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}

function download(folder, { name, integrity }) {
  const flags = ["--silent", "--ignore-scripts", "--pack-destination", folder];
  const file = join(
    folder,
    run("npm", ["pack", name, ...flags])
      .toString()
      .trim()
      .split("\n")
      .pop(),
  );
  const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
  if (found !== integrity) throw new Error(`${name} is not the package that it was: ${found}`);
  return file;
}

// What was made by this very script is not made again.
const source = createHash("sha256").update(readFileSync(script)).digest("hex");
const isMade = () => {
  try {
    return JSON.parse(readFileSync(target, "utf8")).source === source;
  } catch {
    return false;
  }
};
if (!existsSync(target) || !isMade()) {
  const folder = mkdtempSync(join(tmpdir(), "preinstalls-"));
  try {
    const archives = Object.fromEntries(
      Object.entries(PACKAGES).map(([key, pinned]) => [key, download(folder, pinned)]),
    );
    const contracts = {};
    for (const [name, key, file, read] of CONTRACTS) {
      contracts[name] = read(run("tar", ["-xzOf", archives[key], `package/${file}`]).toString());
    }
    // Not the artifacts of these contracts, which were compiled by themselves and have other metadata.
    contracts.SenderCreator_v060 = created(contracts.EntryPoint_v060);
    contracts.SenderCreator_v070 = created(contracts.EntryPoint_v070);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(`${target}.new`, JSON.stringify({ source, contracts }));
    renameSync(`${target}.new`, target);
    const names = Object.values(PACKAGES).map(({ name }) => name);
    console.log(`setup: took ${Object.keys(contracts).length} contracts out of ${names.join(", ")}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
