// viem's word for how far a withdrawal is.
//
//     node status.mjs DEVNET_JSON ACCOUNT L2_TRANSACTION
import { l1, l2, l2Chain } from './chains.mjs'
import { step } from './common.mjs'

const receipt = await l2.getTransactionReceipt({ hash: process.argv[4] })
console.log(`status ${await l1.getWithdrawalStatus({ receipt, targetChain: l2Chain })}`)
step('done')
