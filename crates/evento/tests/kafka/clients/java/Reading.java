/** Reading: consumers, from the beginning, by time, with committed offsets, with decoded values. */

import static java.util.stream.Collectors.toMap;

import com.fasterxml.jackson.databind.JsonNode;
import io.confluent.kafka.serializers.KafkaAvroDeserializer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Consumer;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

final class Reading {
    private Reading() {}

    static <V> KafkaConsumer<String, V> consumer(JsonNode o, Deserializer<V> values, Map<String, String> more) {
        var settings = new Properties();
        settings.put("bootstrap.servers", o.get("bootstrap").asText());
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("isolation.level", o.path("isolation").asText("read_committed"));
        if (o.has("group")) {
            settings.put("group.id", o.get("group").asText());
        }
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new StringDeserializer(), values);
    }

    static KafkaConsumer<String, byte[]> consumer(JsonNode o) {
        return consumer(o, new ByteArrayDeserializer(), Map.of());
    }

    /** Hands {@code count} wanted records to {@code each}; the offsets after the last record seen of each partition. */
    static <V> Map<TopicPartition, OffsetAndMetadata> read(
            JsonNode o, KafkaConsumer<String, V> consumer, Consumer<ConsumerRecord<String, V>> each) {
        var after = new HashMap<TopicPartition, OffsetAndMetadata>();
        int left = o.get("count").asInt();
        long until = System.nanoTime() + Contract.PATIENCE.toNanos();
        while (left > 0) {
            if (System.nanoTime() > until) {
                throw new IllegalStateException(left + " records do not come");
            }
            for (ConsumerRecord<String, V> record : consumer.poll(Duration.ofMillis(100))) {
                if (left == 0) {
                    break;
                }
                var partition = new TopicPartition(record.topic(), record.partition());
                after.put(partition, new OffsetAndMetadata(record.offset() + 1));
                if (Contract.wants(o, record.key())) {
                    each.accept(record);
                    left--;
                }
            }
        }
        return after;
    }

    private static List<TopicPartition> partitions(JsonNode o, KafkaConsumer<?, ?> consumer) {
        var found = consumer.partitionsFor(o.get("topic").asText());
        return found.stream().map(each -> new TopicPartition(each.topic(), each.partition())).toList();
    }

    private static <V> void fromBeginning(
            JsonNode o, KafkaConsumer<String, V> consumer, Consumer<ConsumerRecord<String, V>> each) {
        try (consumer) {
            var all = partitions(o, consumer);
            consumer.assign(all);
            consumer.seekToBeginning(all);
            read(o, consumer, each);
        }
    }

    static void consume(JsonNode o) {
        fromBeginning(o, consumer(o), Contract::emitRecord);
    }

    static void avro(JsonNode o) {
        var values = new KafkaAvroDeserializer();
        values.configure(Map.of("schema.registry.url", o.get("registry").asText()), false);
        fromBeginning(o, consumer(o, values, Map.of()), Reading::emitDecoded);
    }

    private static void emitDecoded(ConsumerRecord<String, Object> record) {
        var datum = (GenericRecord) record.value();
        var line = Contract.place(record).put("type", datum.getSchema().getFullName());
        try {
            line.set("data", Contract.JSON.readTree(datum.toString()));
        } catch (java.io.IOException broken) {
            throw new IllegalStateException(broken);
        }
        Contract.emit("record", line);
    }

    static void seek(JsonNode o) {
        try (var consumer = consumer(o)) {
            var all = partitions(o, consumer);
            long timestamp = o.get("timestamp").asLong();
            consumer.assign(all);
            consumer.offsetsForTimes(all.stream().collect(toMap(each -> each, each -> timestamp)))
                    .forEach((partition, found) -> {
                        if (found == null) {
                            consumer.seekToEnd(List.of(partition));
                        } else {
                            consumer.seek(partition, found.offset());
                        }
                    });
            read(o, consumer, Contract::emitRecord);
        }
    }

    static void take(JsonNode o) {
        try (var consumer = consumer(o)) {
            consumer.subscribe(List.of(o.get("topic").asText()));
            var after = read(o, consumer, Contract::emitRecord);
            consumer.commitSync(after);
            var line = Contract.object();
            consumer.committed(after.keySet())
                    .forEach((partition, each) -> line.put(String.valueOf(partition.partition()), each.offset()));
            Contract.emit("committed", line);
        }
    }
}
