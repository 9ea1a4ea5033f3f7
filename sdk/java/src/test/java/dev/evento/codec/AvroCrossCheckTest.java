package dev.evento.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.evento.host.Host;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Generated codecs against Apache Avro's generic reader and writer, on random values of the schemas that the manifest
 * declares: what one writes, the other reads as the same value.
 */
class AvroCrossCheckTest {
    private static final int VALUES = 300;

    /** Every codec of every function there is generated code for, with its schema. */
    static Stream<Named<Map.Entry<Codec<?>, Schema>>> codecs() throws ReflectiveOperationException {
        return Hosts.all().stream().flatMap(AvroCrossCheckTest::codecs)
                .map(pair -> Named.of(pair.getKey().name(), pair));
    }

    private static Stream<Map.Entry<Codec<?>, Schema>> codecs(Host<?> host) {
        Schema.Parser parser = new Schema.Parser();
        Map<String, Schema> schemas = new LinkedHashMap<>();
        host.schemas().forEach(schema -> schemas.put(schema.name(), parser.parse(schema.json())));
        Stream<Codec<?>> commands = host.commands().stream().map(type -> type.codec());
        Stream<Codec<?>> events = host.events().stream().map(type -> type.codec());
        return Stream.of(Stream.<Codec<?>>of(host.state()), commands, events).flatMap(stream -> stream)
                .map(codec -> Map.entry(codec, schemas.get(codec.name())));
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void both_read_what_the_other_writes(Map.Entry<Codec<?>, Schema> pair) throws IOException {
        Codec<?> codec = pair.getKey();
        Schema schema = pair.getValue();
        RandomDatum random = new RandomDatum(codec.name().hashCode());
        for (int n = 0; n < VALUES; n++) {
            Object datum = random.of(schema, 0);
            byte[] theirs = write(schema, datum);
            // Read back by the same library, so that both sides hold its own classes of text.
            Object wanted = read(schema, theirs);
            byte[] ours = again(codec, theirs);
            Object back = read(schema, ours);
            assertEquals(wanted, back, () -> codec.name() + " came back as another value");
            assertArrayEquals(ours, again(codec, ours), "our bytes are canonical");
            assertEquals(theirs.length, ours.length, () -> codec.name() + ": as long as theirs: " + datum);
        }
    }

    private static <T> byte[] again(Codec<T> codec, byte[] bytes) {
        return codec.encode(codec.decode(bytes));
    }

    private static byte[] write(Schema schema, Object datum) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<>(schema).write(datum, encoder);
        encoder.flush();
        return out.toByteArray();
    }

    private static Object read(Schema schema, byte[] bytes) throws IOException {
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, null);
        Object datum = new GenericDatumReader<>(schema).read(null, decoder);
        assertEquals(true, decoder.isEnd(), "all bytes are read");
        return datum;
    }
}
