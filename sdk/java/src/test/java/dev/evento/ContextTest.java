package dev.evento;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import evento.conformance.Conformance;
import evento.conformance.ContextSeen;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The context gives the same ids and random numbers as in every other language. */
class ContextTest {
    private static Context context(JsonNode vector) {
        return new Context(vector.get("entityId").asText(), vector.get("seq").asLong(),
                vector.get("commandId").asText(), Instant.ofEpochMilli(vector.get("time").asLong()),
                Bytes.hex(vector.get("seed").asText()));
    }

    @Test
    void ids_and_random_numbers_are_those_of_the_golden_vectors() {
        int seen = 0;
        for (JsonNode vector : Golden.json("context.json").get("vectors")) {
            Events<?> events = new Conformance().context(new evento.conformance.Context(), null, context(vector));
            ContextSeen event = (ContextSeen) events.toList().get(0);
            assertEquals(vector.get("uuids").get(9).asText(), event.uuids().get(9).toString());
            assertEquals(vector.get("randomLong").asLong(), event.randomLong());
            assertEquals(vector.get("contextSeen").asText(), Bytes.of(ContextSeen.CODEC.encode(event)).toString());
            seen++;
        }
        assertEquals(Golden.json("context.json").get("vectors").size(), seen);
    }

    @Test
    void a_bound_of_random_numbers_is_at_least_one() {
        Context context = context(Golden.json("context.json").get("vectors").get(0));
        assertThrows(IllegalArgumentException.class, () -> context.random().below(0));
        assertEquals(0, context.random().below(1));
    }

    @Test
    void a_seed_has_sixteen_bytes() {
        assertThrows(IllegalArgumentException.class,
                () -> new Context("a", 0, "c", Instant.EPOCH, Bytes.hex("00")));
    }

    @Test
    void bytes_are_equal_by_what_they_hold_and_cannot_be_changed() {
        byte[] source = {1, 2};
        Bytes bytes = Bytes.of(source);
        source[0] = 9;
        bytes.toByteArray()[1] = 9;
        assertEquals(Bytes.hex("0102"), bytes);
        assertArrayEquals(new byte[] {1, 2}, bytes.toByteArray());
        assertEquals("0102", bytes.toString());
    }

    @Test
    void events_are_one_or_more_in_order() {
        assertEquals(List.of("a"), Events.of("a").toList());
        assertEquals(List.of("a", "b", "c"), Events.of("a", "b", "c").toList());
        assertThrows(NullPointerException.class, () -> Events.of("a", (String) null));
    }
}
