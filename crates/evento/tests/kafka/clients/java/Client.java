/** The Java client and Confluent's Avro serializers as the tests use them. See ../README.md for the contract. */

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;

public final class Client {
    /** One verb of the contract. */
    interface Verb {
        void run(JsonNode options) throws Exception;
    }

    private static final Map<String, Verb> VERBS = Map.of(
            "consume", Reading::consume,
            "avro", Reading::avro,
            "seek", Reading::seek,
            "take", Reading::take,
            "member", Groups::member,
            "admin", Groups::admin,
            "produce", Producing::produce,
            "transact", Producing::transact,
            "transfer", Producing::transfer);

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
