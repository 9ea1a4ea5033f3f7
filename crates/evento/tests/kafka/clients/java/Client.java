/** The Java client and Confluent's Avro serializers as the tests use them. See ../README.md for the contract. */

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;

public final class Client {
    /** One verb of the contract. */
    interface Verb {
        void run(JsonNode options) throws Exception;
    }

    private static final Map<String, Verb> VERBS = Map.ofEntries(
            Map.entry("consume", Reading::consume),
            Map.entry("avro", Reading::avro),
            Map.entry("seek", Reading::seek),
            Map.entry("take", Reading::take),
            Map.entry("member", Groups::member),
            Map.entry("admin", Groups::admin),
            Map.entry("produce", Producing::produce),
            Map.entry("transact", Producing::transact),
            Map.entry("transfer", Producing::transfer),
            Map.entry("stream", Running::stream),
            Map.entry("transactions", Running::transactions),
            Map.entry("watch", Running::watch));

    private Client() {}

    public static void main(String[] arguments) throws Exception {
        try {
            VERBS.get(arguments[0]).run(Contract.JSON.readTree(arguments[1]));
            Contract.emit("done", true);
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.exit(1);
        }
        System.exit(0);
    }
}
