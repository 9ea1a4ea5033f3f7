/** kafkajs, with its client of the schema registry, as the tests use it. See ../README.md for the contract. */
'use strict'

const { randomUUID } = require('node:crypto')
const { AssignerProtocol, ConfigResourceTypes, Kafka, Partitioners, logLevel } = require('kafkajs')
const { COMPATIBILITY, SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry')
const { Count, codes, emit, isFenced, main, stdinEnded } = require('./contract.js')

/** Errors that the library logs, on stderr: stdout is for the contract's lines. */
const logCreator = () => entry => console.error(entry.namespace, entry.log.message, entry.log.error ?? '')

const kafkaOf = o =>
  new Kafka({
    brokers: [o.bootstrap],
    logLevel: logLevel.ERROR,
    logCreator,
    retry: { initialRetryTime: 50, retries: 8 }
  })

function printed({ partition, message }) {
  const headers = Object.entries(message.headers).map(([name, value]) => [name, value?.toString() ?? null])
  const value = message.value?.toString('base64') ?? null
  const place = { partition, offset: Number(message.offset), key: message.key.toString() }
  return { record: { ...place, timestamp: Number(message.timestamp), headers, value } }
}

/** Consumes in a group, the only way kafkajs has, until there are enough records. */
async function read(o, print, { before, after } = {}) {
  const kafka = kafkaOf(o)
  const consumer = kafka.consumer({
    groupId: o.group ?? `alone-${randomUUID()}`,
    readUncommitted: o.isolation === 'read_uncommitted',
    maxWaitTimeInMs: 500
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [o.topic], fromBeginning: true })
  const count = new Count(o, print)
  const eachMessage = each => count.take(each.partition, each.message.offset, each.message.key, each)
  await consumer.run({ autoCommit: false, eachMessage })
  await before?.(kafka, consumer)
  const offsets = await count.done
  await after?.(kafka, consumer, offsets)
  await consumer.disconnect()
}

const consume = o => read(o, printed)

async function avro(o) {
  const registry = new SchemaRegistry({ host: o.registry })
  await read(o, async ({ partition, message }) => {
    const data = await registry.decode(message.value)
    const type = (await registry.getSchema(message.value.readInt32BE(1))).name
    return { record: { partition, offset: Number(message.offset), key: message.key.toString(), type, data } }
  })
}

async function seek(o) {
  const admin = kafkaOf(o).admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsetsByTimestamp(o.topic, o.timestamp)
  await admin.disconnect()
  await read(o, printed, {
    before: (_, consumer) => offsets.forEach(each => consumer.seek({ topic: o.topic, ...each }))
  })
}

async function take(o) {
  await read(o, printed, {
    async after(_, consumer, offsets) {
      const list = [...offsets].map(([partition, offset]) => ({ topic: o.topic, partition, offset: String(offset) }))
      await consumer.commitOffsets(list)
      emit({ committed: Object.fromEntries(offsets) })
    }
  })
}

async function member(o) {
  const settings = { groupId: o.group, sessionTimeout: o.session, heartbeatInterval: 500, maxWaitTimeInMs: 500 }
  const consumer = kafkaOf(o).consumer(settings)
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    emit({ assigned: (payload.memberAssignment[o.topic] ?? []).sort((a, b) => a - b) })
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [o.topic], fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 100,
    async eachMessage({ partition, message }) {
      emit({ record: { partition, offset: Number(message.offset), key: message.key.toString() } })
    }
  })
  await stdinEnded()
  await consumer.disconnect()
}

/** Values by the registry client; it registers the schema as its documentation shows. */
class Encoder {
  constructor(o) {
    this.schemas = o.schemas
    this.registry = new SchemaRegistry({ host: o.registry })
    this.ids = new Map()
  }

  async value(topic, record) {
    if ('raw' in record) return Buffer.from(record.raw, 'base64')
    if (!this.ids.has(record.type)) {
      const schema = { type: SchemaType.AVRO, schema: this.schemas[record.type] }
      const options = { subject: `${topic}-${record.type}`, compatibility: COMPATIBILITY.BACKWARD_TRANSITIVE }
      const { id } = await this.registry.register(schema, options)
      this.ids.set(record.type, id)
    }
    return this.registry.encode(this.ids.get(record.type), record.data)
  }
}

async function send(sender, o, topic, records) {
  const encoder = new Encoder(o)
  for (const { key, headers, ...record } of records) {
    const message = { key, headers, value: await encoder.value(topic, record) }
    try {
      const [told] = await sender.send({ topic, acks: -1, messages: [message] })
      emit({ produced: { key, partition: told.partition, offset: Number(told.baseOffset) } })
    } catch (error) {
      emit({ refused: { key, code: codes(error)[0] ?? 0, message: error.message } })
    }
  }
}

const producerOf = (o, more) =>
  kafkaOf(o).producer({ createPartitioner: Partitioners.DefaultPartitioner, maxInFlightRequests: 1, ...more })

async function produce(o) {
  const producer = producerOf(o, { idempotent: o.idempotent ?? false })
  await producer.connect()
  await send(producer, o, o.topic, o.records)
  await producer.disconnect()
}

async function end(transaction, how) {
  if (how === 'hold') {
    emit({ open: true })
    await stdinEnded()
  }
  try {
    await (how === 'abort' ? transaction.abort() : transaction.commit())
    emit({ ended: how })
  } catch (error) {
    if (!isFenced(error)) throw error
    emit({ fenced: true })
  }
}

async function transact(o) {
  const producer = producerOf(o, { idempotent: true, transactionalId: o.transactional_id })
  await producer.connect()
  for (const step of o.steps) {
    const transaction = await producer.transaction()
    await send(transaction, o, o.topic, step.records)
    await end(transaction, step.end)
  }
  await producer.disconnect()
}

async function transfer(o) {
  const producer = producerOf(o, { idempotent: true, transactionalId: o.transactional_id })
  await producer.connect()
  await read(o, printed, {
    async after(_kafka, _consumer, offsets) {
      const transaction = await producer.transaction()
      await send(transaction, o, o.target, o.records)
      const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset) }))
      await transaction.sendOffsets({ consumerGroupId: o.group, topics: [{ topic: o.topic, partitions }] })
      await end(transaction, o.end)
    }
  })
  await producer.disconnect()
}

async function admin(o) {
  const client = kafkaOf(o).admin()
  await client.connect()
  const { topics } = await client.fetchTopicMetadata({ topics: o.topics })
  emit({ topics: Object.fromEntries(topics.map(each => [each.name, each.partitions.length])) })
  const cluster = await client.describeCluster()
  emit({ cluster: { brokers: cluster.brokers.length, controller: cluster.controller } })
  const resources = o.topics.map(name => ({ type: ConfigResourceTypes.TOPIC, name }))
  const described = await client.describeConfigs({ resources, includeSynonyms: false })
  const policy = each => each.configEntries.find(entry => entry.configName === 'cleanup.policy').configValue
  emit({ configs: Object.fromEntries(described.resources.map(each => [each.resourceName, policy(each)])) })
  emit({ create: { code: await refusal(client) } })
  if (o.group) {
    const listed = (await client.listGroups()).groups.some(each => each.groupId === o.group)
    const [group] = (await client.describeGroups([o.group])).groups
    const assigned = each => AssignerProtocol.MemberAssignment.decode(each.memberAssignment).assignment[o.topic]
    emit({ groups: { listed, state: group.state.toUpperCase(), members: group.members.map(assigned) } })
  }
  await client.disconnect()
}

async function refusal(client) {
  try {
    await client.createTopics({ topics: [{ topic: 'foreign', numPartitions: 1 }] })
    return 0
  } catch (error) {
    return codes(error)[0] ?? 0
  }
}

main({ consume, avro, seek, take, member, produce, transact, transfer, admin })
