/** What the Java program shares: options, output lines, the end of stdin. See ../README.md. Nothing here talks to Kafka. */

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

final class Contract {
    /** Longest wait for a record, an assignment or a broker. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    static final ObjectMapper JSON = new ObjectMapper();

    private Contract() {}

    static ObjectNode object() {
        return JSON.createObjectNode();
    }

    static synchronized void emit(String name, JsonNode value) {
        System.out.println(object().set(name, value).toString());
        System.out.flush();
    }

    static void emit(String name, boolean value) {
        emit(name, JSON.valueToTree(value));
    }

    /** Whether a record with this key counts. */
    static boolean wants(JsonNode options, String key) {
        for (JsonNode prefix : options.get("prefixes")) {
            if (key.startsWith(prefix.asText())) {
                return true;
            }
        }
        return false;
    }

    static ObjectNode place(ConsumerRecord<String, ?> record) {
        return object().put("partition", record.partition()).put("offset", record.offset()).put("key", record.key());
    }

    static void emitRecord(ConsumerRecord<String, byte[]> record) {
        emitRecord(record, object());
    }

    /** The record, and what else there is to say of it. */
    static void emitRecord(ConsumerRecord<String, byte[]> record, ObjectNode more) {
        var headers = JSON.createArrayNode();
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(new String(header.value(), StandardCharsets.UTF_8));
        }
        var value = record.value() == null ? null : Base64.getEncoder().encodeToString(record.value());
        more.setAll(place(record));
        ObjectNode line = more.put("timestamp", record.timestamp());
        line.set("headers", headers);
        emit("record", line.put("value", value));
    }

    /** Opens when stdin ends: the sign to leave. */
    static CountDownLatch stdinEnded() {
        var ended = new CountDownLatch(1);
        var reader = new Thread(() -> {
            try {
                System.in.transferTo(java.io.OutputStream.nullOutputStream());
            } catch (IOException broken) {
                // The other side is gone, which means the same.
            }
            ended.countDown();
        });
        reader.setDaemon(true);
        reader.start();
        return ended;
    }
}
