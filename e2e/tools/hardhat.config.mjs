// Hardhat, told of a devnet by its environment. The compiler is npm's build of solc, which the contracts are built with too:
// nothing is downloaded.
import { fileURLToPath } from 'node:url'
import hardhatEthers from '@nomicfoundation/hardhat-ethers'
import hardhatMatchers from '@nomicfoundation/hardhat-ethers-chai-matchers'
import hardhatUpgrades from '@openzeppelin/hardhat-upgrades'
import { defineConfig } from 'hardhat/config'

const { L2_RPC, PRIVATE_KEY, FOLDER } = process.env
const solc = { version: '0.8.30', path: fileURLToPath(new URL('../../l1-contracts/node_modules/solc/soljson.js', import.meta.url)) }

export default defineConfig({
  plugins: [hardhatEthers, hardhatMatchers, hardhatUpgrades],
  paths: { artifacts: `${FOLDER}/artifacts`, cache: `${FOLDER}/cache` },
  solidity: { profiles: { default: { compilers: [solc] }, production: { compilers: [solc] } } },
  networks: {
    rollup: { type: 'http', chainType: 'op', url: L2_RPC, accounts: [PRIVATE_KEY] },
  },
})
