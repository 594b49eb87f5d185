// A developer's day with Hardhat 3: compile, deploy, call, fail, compare balances, and upgrade a proxy by OpenZeppelin's plugin.
//
//     FOLDER=… L2_RPC=… PRIVATE_KEY=… node node_modules/hardhat/dist/src/cli.js --network rollup run hardhat.mjs
import { expect } from 'chai'
import hre from 'hardhat'
import { upgrades } from '@openzeppelin/hardhat-upgrades'

const connection = await hre.network.create('rollup')
const { ethers } = connection
const [signer] = await ethers.getSigners()
const to = '0x0000000000000000000000000000000000004a4d'
const step = (what) => console.log(what)

step('deploy and call')
const counter = await ethers.deployContract('Counter')
await counter.waitForDeployment()
await (await counter.add(7n)).wait()
expect(await counter.count()).to.equal(7n)
expect(await counter.last(signer.address)).to.equal(7n)

step('events and reverts')
await expect(counter.add(1n)).to.emit(counter, 'Counted').withArgs(signer.address, 8n)
await expect(counter.add(0n)).to.be.revertedWith('nothing to add')
await expect(counter.add(101n)).to.be.revertedWithCustomError(counter, 'TooMuch').withArgs(101n, 100n)
// Mined and failed: the gas is given, so that nothing is estimated before.
const failing = await counter.add(0n, { gasLimit: 100_000n })
await expect(failing).to.revert(ethers)

step('balances')
// The matchers that compare balances want a block with one transaction. Every block of an OP Stack chain begins with a deposit,
// so that they refuse all of them; a block and the one before it say the same.
const coin = await ethers.deployContract('Coin')
await coin.waitForDeployment()
const send = () => signer.sendTransaction({ to, value: 5n })
const single = /There should be only 1 transaction in the block/
await refused('ether', expect(send).to.changeEtherBalance(ethers, to, 5n))
await refused('tokens', expect(() => coin.transfer(to, 40n)).to.changeTokenBalance(ethers, coin, to, 40n))
await refused('both', expect(() => coin.transfer(to, 2n)).to.changeTokenBalances(ethers, coin, [signer, to], [-2n, 2n]))
const { blockNumber } = await (await send()).wait()
const [after, earlier] = await Promise.all([0, 1].map((back) => ethers.provider.getBalance(to, blockNumber - back)))
expect(after - earlier).to.equal(5n)
expect(await coin.balanceOf(to)).to.equal(42n)

async function refused(what, matcher) {
  const message = await matcher.then(() => 'nothing', (error) => error.message)
  expect(message, what).to.match(single)
}

step('a proxy, upgraded')
const { deployProxy, upgradeProxy, erc1967, validateUpgrade } = await upgrades(hre, connection)
const Box = await ethers.getContractFactory('Box')
const After = await ethers.getContractFactory('BoxAfter')
const Shifted = await ethers.getContractFactory('BoxShifted')
const box = await deployProxy(Box, [21n])
await box.waitForDeployment()
const address = await box.getAddress()
const before = await erc1967.getImplementationAddress(address)
await expect(validateUpgrade(Box, Shifted)).to.be.rejectedWith(/storage layout/)
await expect(upgradeProxy(address, Shifted)).to.be.rejectedWith(/storage layout/)
const upgraded = await upgradeProxy(address, After)
await (await upgraded.double()).wait()
expect(await upgraded.held()).to.equal(42n)
expect(await erc1967.getImplementationAddress(address)).to.not.equal(before)

await connection.close()
step('done')
