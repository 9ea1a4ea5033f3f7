/** @platformatic/kafka, with its client of the schema registry, as the tests use it. See ../README.md for the contract. */
'use strict'

const { randomUUID } = require('node:crypto')
const {
  Admin,
  ConfigResourceTypes,
  ConfluentSchemaRegistry,
  Consumer,
  MessagesStreamModes,
  MessagesStreamFallbackModes,
  ProduceAcks,
  Producer,
  compatibilityPartitioner,
  cooperativeStickyAssigner,
  roundRobinAssigner,
  stringDeserializer,
  stringSerializer
} = require('@platformatic/kafka')
const { Count, codes, emit, isFenced, main, stdinEnded } = require('./contract.js')

const text = {
  serializers: { key: stringSerializer, headerKey: stringSerializer, headerValue: stringSerializer },
  deserializers: { key: stringDeserializer, headerKey: stringDeserializer, headerValue: stringDeserializer }
}

/** Asks for a producer id as the protocol has it. By default the client names id 0, which fences itself. */
const FRESH = { producerId: -1n, producerEpoch: -1 }

const common = o => ({ clientId: 'evento-test', bootstrapBrokers: [o.bootstrap], retries: 20, retryDelay: 100 })

const consumerOf = (o, more) =>
  new Consumer({
    ...common(o),
    groupId: o.group ?? `alone-${randomUUID()}`,
    autocommit: false,
    maxWaitTime: 500,
    isolationLevel: o.isolation === 'read_uncommitted' ? 0 : 1,
    ...more
  })

function printed(message) {
  const headers = message.headerEntries.map(([name, value]) => [name.toString(), value.toString()])
  const value = message.value?.toString('base64') ?? null
  const place = { partition: message.partition, offset: message.offset, key: message.key.toString() }
  return { record: { ...place, timestamp: message.timestamp, headers, value } }
}

/** Consumes until there are enough records. */
async function read(o, print, mode, { settings, after, offsets, last } = {}) {
  const consumer = consumerOf(o, settings)
  const fallbackMode = MessagesStreamFallbackModes.EARLIEST
  const stream = await consumer.consume({ topics: [o.topic], mode, fallbackMode, offsets })
  const count = new Count(o, print)
  stream.on('data', message => {
    stream.pause()
    if (count.left > 0) last?.set(message.partition, message)
    count.take(message.partition, message.offset, message.key, message).then(
      () => count.left > 0 && stream.resume(),
      error => stream.destroy(error)
    )
  })
  const failed = new Promise((_, reject) => stream.on('error', reject))
  const taken = await Promise.race([count.done, failed])
  await after?.(consumer, taken)
  await stream.close()
  await consumer.close(true)
}

const consume = o => read(o, printed, MessagesStreamModes.EARLIEST)

async function avro(o) {
  const registry = new ConfluentSchemaRegistry({ url: o.registry })
  const print = message => {
    const { partition, offset } = message
    const type = registry.get(message.metadata.schemas.value).schema.name
    return { record: { partition, offset, key: message.key.toString(), type, data: message.value } }
  }
  // Given as `registry`, it would read every header as JSON; ours are text, as CloudEvents has them.
  const settings = {
    beforeDeserialization: registry.getBeforeDeserializationHook(),
    deserializers: { ...registry.getDeserializers(), ...text.deserializers }
  }
  await read(o, print, MessagesStreamModes.EARLIEST, { settings })
}

async function seek(o) {
  const asking = consumerOf(o)
  const found = (await asking.listOffsets({ topics: [o.topic], timestamp: BigInt(o.timestamp) })).get(o.topic)
  const ends = (await asking.listOffsets({ topics: [o.topic] })).get(o.topic)
  await asking.close()
  const at = (offset, partition) => (offset >= 0n ? offset : ends[partition])
  const offsets = found.map((offset, partition) => ({ topic: o.topic, partition, offset: at(offset, partition) }))
  await read(o, printed, MessagesStreamModes.MANUAL, { offsets })
}

async function take(o) {
  await read(o, printed, MessagesStreamModes.COMMITTED, {
    async after(consumer, taken) {
      const place = { topic: o.topic, leaderEpoch: 0 }
      const offsets = [...taken].map(([partition, offset]) => ({ ...place, partition, offset: BigInt(offset) }))
      await consumer.commit({ offsets })
      emit({ committed: Object.fromEntries(taken) })
    }
  })
}

async function member(o) {
  const partitionAssigner = o.strategy === 'cooperative' ? cooperativeStickyAssigner : roundRobinAssigner
  const settings =
    o.protocol === 'consumer'
      ? { groupProtocol: 'consumer' }
      : { sessionTimeout: o.session, rebalanceTimeout: o.session, heartbeatInterval: 500, partitionAssigner }
  if (o.instance) settings.groupInstanceId = o.instance
  const consumer = consumerOf(o, { ...settings, autocommit: 100 })
  // A member whose partitions go from one to another tells no event under the new protocol, so it is looked at.
  let owned
  const look = setInterval(() => {
    const mine = consumer.assignments?.find(each => each.topic === o.topic)?.partitions ?? []
    const now = JSON.stringify([...mine].sort((a, b) => a - b))
    if (now !== owned) emit({ assigned: JSON.parse(now) })
    owned = now
  }, 50)
  const stream = await consumer.consume({
    topics: [o.topic],
    mode: MessagesStreamModes.COMMITTED,
    fallbackMode: MessagesStreamFallbackModes.EARLIEST
  })
  stream.on('data', ({ partition, offset, key }) => emit({ record: { partition, offset, key: key.toString() } }))
  stream.on('error', error => console.error(error))
  await stdinEnded()
  clearInterval(look)
  await stream.close()
  await consumer.close(true)
}

/** Messages to send: raw bytes, or data with the id of its schema for the registry's serializer. */
async function messages(o, topic, records) {
  const ids = new Map()
  const made = []
  for (const { key, headers, raw, type, data } of records) {
    const message = { topic, key, headers: new Map(Object.entries(headers ?? {})) }
    if (raw === undefined) {
      if (!ids.has(type)) ids.set(type, await latest(o, `${topic}-${type}`))
      Object.assign(message, { value: data, metadata: { schemas: { value: ids.get(type) } } })
    } else {
      Object.assign(message, { value: Buffer.from(raw, 'base64') })
    }
    made.push(message)
  }
  return made
}

async function latest(o, subject) {
  const answer = await fetch(`${o.registry}/subjects/${subject}/versions/latest`)
  if (!answer.ok) throw new Error(`${subject}: ${answer.status}`)
  return (await answer.json()).id
}

async function send(sender, o, topic, records) {
  for (const message of await messages(o, topic, records)) {
    const { key } = message
    try {
      const told = await sender.send({ messages: [message], acks: ProduceAcks.ALL })
      const [{ partition, offset }] = told.offsets
      emit({ produced: { key, partition, offset } })
    } catch (error) {
      emit({ refused: { key, code: codes(error)[0] ?? 0, message: error.message } })
    }
  }
}

function producerOf(o, records, more) {
  const encoded = records.some(each => each.raw === undefined)
  const registry = new ConfluentSchemaRegistry({ url: o.registry })
  const avro = {
    beforeSerialization: registry.getBeforeSerializationHook(),
    serializers: { ...registry.getSerializers(), ...text.serializers }
  }
  const raw = { serializers: { ...text.serializers, value: each => each } }
  return new Producer({ ...common(o), ...(encoded ? avro : raw), partitioner: compatibilityPartitioner, ...more })
}

async function produce(o) {
  const producer = producerOf(o, o.records, { idempotent: o.idempotent ?? false })
  await send(producer, o, o.topic, o.records)
  await producer.close()
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
  const all = o.steps.flatMap(step => step.records)
  const producer = producerOf(o, all, { idempotent: true, transactionalId: o.transactional_id })
  for (const step of o.steps) {
    const transaction = await producer.beginTransaction(FRESH)
    await send(transaction, o, o.topic, step.records)
    await end(transaction, step.end)
  }
  await producer.close(true)
}

async function transfer(o) {
  const producer = producerOf(o, o.records, { idempotent: true, transactionalId: o.transactional_id })
  const last = new Map()
  await read(o, printed, MessagesStreamModes.COMMITTED, {
    last,
    async after(consumer) {
      const transaction = await producer.beginTransaction(FRESH)
      await send(transaction, o, o.target, o.records)
      await transaction.addConsumer(consumer)
      for (const message of last.values()) await transaction.addOffset(message)
      await end(transaction, o.end)
    }
  })
  await producer.close(true)
}

async function admin(o) {
  const client = new Admin(common(o))
  const metadata = await client.metadata({ topics: o.topics })
  emit({ topics: Object.fromEntries([...metadata.topics].map(([name, each]) => [name, each.partitionsCount])) })
  emit({ cluster: { brokers: metadata.brokers.size, controller: metadata.controllerId } })
  const resources = o.topics.map(resourceName => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName }))
  const described = await client.describeConfigs({ resources })
  const policy = each => each.configs.find(entry => entry.name === 'cleanup.policy').value
  emit({ configs: Object.fromEntries(described.map(each => [each.resourceName, policy(each)])) })
  emit({ create: { code: await refusal(client) } })
  if (o.group) {
    const listed = (await client.listGroups()).has(o.group)
    const group = (await client.describeGroups({ groups: [o.group] })).get(o.group)
    const members = [...group.members.values()].map(each => each.assignments.get(o.topic).partitions)
    emit({ groups: { listed, state: group.state.toUpperCase(), members } })
  }
  await client.close()
}

async function refusal(client) {
  try {
    await client.createTopics({ topics: ['foreign'], partitions: 1, replicas: 1 })
    return 0
  } catch (error) {
    return codes(error)[0] ?? 0
  }
}

main({ consume, avro, seek, take, member, produce, transact, transfer, admin })
