import { expect } from 'chai'
import {
  isOfPartition,
  keyName,
  outboxNames,
  PARTITIONS,
  partitionOf,
  settledName,
  totalName,
} from '../../../../plugins/virtual-key/redis/names.ts'

describe('Names in Redis', () => {
  it('the partition of a key id is its cluster slot mod 16, as redis-cli tells it', () => {
    // CLUSTER KEYSLOT vk-abc = 11840, foo = 12182
    expect(partitionOf('vk-abc')).to.equal(11840 % 16)
    expect(partitionOf('foo')).to.equal(12182 % 16)
  })

  it('everything of one key lies in one hash slot, braces in its id or not', () => {
    for (const id of ['vk-abc', 'a{b}c', '{', '}{', 'ключ', '']) {
      const tag = `vk:{${partitionOf(id)}}:`
      expect(keyName(id)).to.equal(`${tag}key:${id}`)
      expect(totalName(id, '2026-11')).to.equal(`${tag}total:${id}:2026-11`)
      for (const name of Object.values(outboxNames(partitionOf(id))))
        expect(name.startsWith(tag)).to.equal(true)
      expect(settledName(partitionOf(id), 'p', 0).startsWith(tag)).to.equal(true)
      expect(partitionOf(id)).to.be.within(0, PARTITIONS - 1)
      for (let partition = 0; partition < PARTITIONS; partition++)
        expect(isOfPartition(keyName(id), partition)).to.equal(partition === partitionOf(id))
    }
  })
})
