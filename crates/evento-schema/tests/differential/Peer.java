// The Java side of the comparison: reads cases as JSON lines, answers what Apache Avro thinks of each.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.HexFormat;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

public class Peer {
    // Decimals are compared as numbers: we write them with the fewest bytes.
    static final GenericData DATA = new GenericData();
    static { DATA.addLogicalTypeConversion(new org.apache.avro.Conversions.DecimalConversion()); }

    static Object read(Schema writer, Schema reader, byte[] bytes) throws Exception {
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, null);
        Object value = new GenericDatumReader<Object>(writer, reader, DATA).read(null, decoder);
        if (!decoder.isEnd()) throw new IllegalStateException("bytes are left over");
        return value;
    }

    static String attempt(Schema writer, Schema reader, JsonNode bytes, Schema plain, JsonNode ours) {
        Object theirs;
        try {
            theirs = read(writer, reader, HexFormat.of().parseHex(bytes.asText()));
        } catch (Throwable e) {
            return "refused: " + e;
        }
        if (ours == null || ours.isNull()) return "accepted";
        try {
            Object other = read(plain, plain, HexFormat.of().parseHex(ours.asText()));
            return same(theirs, other) ? "equal" : "other: " + theirs + " / " + other;
        } catch (Throwable e) {
            return "ours refused: " + e;
        }
    }

    static boolean same(Object left, Object right) {
        if (left instanceof java.util.Map<?, ?> a && right instanceof java.util.Map<?, ?> b) {
            if (a.size() != b.size()) return false;
            for (var entry : a.entrySet()) {
                if (!b.containsKey(entry.getKey()) || !same(entry.getValue(), b.get(entry.getKey()))) return false;
            }
            return true;
        }
        if (left instanceof java.util.List<?> a && right instanceof java.util.List<?> b) {
            if (a.size() != b.size()) return false;
            for (int i = 0; i < a.size(); i++) if (!same(a.get(i), b.get(i))) return false;
            return true;
        }
        if (left instanceof GenericData.Record a && right instanceof GenericData.Record b) {
            if (!a.getSchema().getFullName().equals(b.getSchema().getFullName())) return false;
            for (Schema.Field f : a.getSchema().getFields()) if (!same(a.get(f.pos()), b.get(f.pos()))) return false;
            return true;
        }
        if (left == null || right == null) return left == right;
        return left.equals(right) || left.toString().equals(right.toString()) && left.getClass() == right.getClass();
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = in.readLine()) != null; ) {
            JsonNode given = json.readTree(line);
            ObjectNode answer = json.createObjectNode();
            try {
                Schema writer = new Schema.Parser().parse(given.get("writer").asText());
                Schema reader = new Schema.Parser().parse(given.get("reader").asText());
                answer.put("canonical", SchemaNormalization.toParsingForm(writer));
                var verdict = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer);
                answer.put("compatible",
                    verdict.getType() == SchemaCompatibility.SchemaCompatibilityType.COMPATIBLE);
                ArrayNode data = answer.putArray("data");
                for (JsonNode datum : given.get("data")) {
                    ObjectNode result = data.addObject();
                    result.put("valid", attempt(writer, writer, datum.get("bytes"), writer, datum.get("canonical")));
                    result.put("resolved", attempt(writer, reader, datum.get("bytes"), reader, datum.get("resolved")));
                }
            } catch (Exception e) {
                answer.put("error", e.toString());
            }
            out.println(json.writeValueAsString(answer));
        }
        out.flush();
    }
}
