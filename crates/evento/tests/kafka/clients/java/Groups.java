/** Groups: members, and what can be asked about topics and groups. */

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.StaleMemberEpochException;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

final class Groups {
    private static final String STRATEGIES = "org.apache.kafka.clients.consumer.";

    private Groups() {}

    private static Map<String, String> settings(JsonNode o) {
        var settings = new HashMap<String, String>();
        if (o.path("protocol").asText().equals("consumer")) {
            settings.put("group.protocol", "consumer");
        } else {
            boolean cooperative = o.path("strategy").asText().equals("cooperative");
            String strategy = cooperative ? "CooperativeStickyAssignor" : "RangeAssignor";
            settings.put("partition.assignment.strategy", STRATEGIES + strategy);
            settings.put("session.timeout.ms", o.get("session").asText());
            settings.put("heartbeat.interval.ms", "500");
        }
        if (o.has("instance")) {
            settings.put("group.instance.id", o.get("instance").asText());
        }
        return settings;
    }

    static void member(JsonNode o) {
        var ended = Contract.stdinEnded();
        while (ended.getCount() > 0) {
            try (var consumer = Reading.consumer(o, new ByteArrayDeserializer(), settings(o))) {
                takePart(o, consumer, ended);
            } catch (IllegalStateException raced) {
                // The client of the new protocol may lose its partitions while it hands records out, and then fails.
                // Nothing of that was committed: a new consumer reads it again.
                if (!String.valueOf(raced.getMessage()).startsWith("No current assignment")) {
                    throw raced;
                }
            }
        }
    }

    private static void takePart(JsonNode o, KafkaConsumer<String, byte[]> consumer, CountDownLatch ended) {
        consumer.subscribe(List.of(o.get("topic").asText()));
        TreeSet<Integer> owned = null;
        while (ended.getCount() > 0) {
            var records = poll(consumer);
            var now = owned(consumer);
            if (!now.equals(owned)) {
                owned = now;
                Contract.emit("assigned", Contract.JSON.valueToTree(owned));
            }
            records.forEach(record -> Contract.emit("record", Contract.place(record)));
            if (!records.isEmpty()) {
                commit(o, consumer);
            }
        }
    }

    /** After a restart of the server a member of the new protocol may be told that nobody knows it; it then joins again. */
    private static ConsumerRecords<String, byte[]> poll(KafkaConsumer<String, byte[]> consumer) {
        try {
            return consumer.poll(Duration.ofMillis(100));
        } catch (UnknownMemberIdException | StaleMemberEpochException restarted) {
            return ConsumerRecords.empty();
        }
    }

    private static void commit(JsonNode o, KafkaConsumer<?, ?> consumer) {
        if (!o.path("synchronous").asBoolean()) {
            consumer.commitAsync();
            return;
        }
        try {
            consumer.commitSync(Duration.ofSeconds(5));
        } catch (KafkaException moved) {
            // The group moves, or the server is gone: the records are read again by whoever owns their partition then.
        }
    }

    private static TreeSet<Integer> owned(KafkaConsumer<?, ?> consumer) {
        var partitions = new TreeSet<Integer>();
        consumer.assignment().forEach(each -> partitions.add(each.partition()));
        return partitions;
    }

    static void admin(JsonNode o) throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", o.get("bootstrap").asText()))) {
            var names = new ArrayList<String>();
            o.get("topics").forEach(each -> names.add(each.asText()));
            var topics = Contract.object();
            admin.describeTopics(names).allTopicNames().get()
                    .forEach((name, each) -> topics.put(name, each.partitions().size()));
            Contract.emit("topics", topics);
            var cluster = admin.describeCluster();
            Contract.emit("cluster", Contract.object()
                    .put("brokers", cluster.nodes().get().size())
                    .put("controller", cluster.controller().get().id()));
            Contract.emit("configs", configs(admin, names));
            Contract.emit("create", Contract.object().put("code", refusal(admin)));
            if (o.has("group")) {
                group(admin, o.get("group").asText());
            }
        }
    }

    private static JsonNode configs(Admin admin, List<String> names) throws Exception {
        var asked = names.stream().map(name -> new ConfigResource(ConfigResource.Type.TOPIC, name)).toList();
        var configs = Contract.object();
        admin.describeConfigs(asked).all().get()
                .forEach((resource, each) -> configs.put(resource.name(), each.get("cleanup.policy").value()));
        return configs;
    }

    private static int refusal(Admin admin) throws InterruptedException {
        try {
            admin.createTopics(List.of(new NewTopic("foreign", 1, (short) 1))).all().get();
            return 0;
        } catch (ExecutionException failure) {
            return Errors.forException(failure.getCause()).code();
        }
    }

    private static void group(Admin admin, String name) throws Exception {
        boolean listed = admin.listGroups().all().get().stream().anyMatch(each -> each.groupId().equals(name));
        var group = admin.describeConsumerGroups(List.of(name)).all().get().get(name);
        var line = Contract.object().put("listed", listed).put("state", group.groupState().name());
        var members = line.putArray("members");
        group.members().forEach(each -> {
            var partitions = each.assignment().topicPartitions().stream().map(TopicPartition::partition).sorted();
            members.add(Contract.JSON.valueToTree(partitions.toList()));
        });
        Contract.emit("groups", line);
    }
}
