package dev.evento.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.evento.Golden;
import evento.conformance.Echo;
import evento.conformance.Mapped;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A record of every type, in the bytes that an independent library made. */
class GoldenCodecTest {
    @ParameterizedTest
    @ValueSource(strings = {"zero", "low", "high", "mixed", "special"})
    void what_goes_in_comes_out_byte_for_byte(String name) {
        byte[] bytes = Golden.hex("everything-" + name + ".hex");
        Echo echo = Echo.CODEC.decode(bytes);
        assertArrayEquals(bytes, Echo.CODEC.encode(echo));
        assertEquals(echo, Echo.CODEC.decode(bytes));
    }

    @Test
    void blocks_and_the_order_of_keys_become_canonical() {
        Echo loose = Echo.CODEC.decode(Golden.hex("everything-mixed-loose.hex"));
        assertArrayEquals(Golden.hex("everything-mixed.hex"), Echo.CODEC.encode(loose));
    }

    @Test
    void no_truncation_and_no_byte_too_much_is_taken() {
        byte[] bytes = Golden.hex("everything-mixed.hex");
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            assertThrows(Malformed.class, () -> Echo.CODEC.decode(cut), "of length " + length);
        }
        assertThrows(Malformed.class, () -> Echo.CODEC.decode(Arrays.copyOf(bytes, bytes.length + 1)));
    }

    @Test
    void every_single_changed_byte_is_refused_or_read_but_never_breaks_the_reader() {
        byte[] bytes = Golden.hex("everything-mixed.hex");
        int refused = 0;
        for (int at = 0; at < bytes.length; at++) {
            for (int bit = 0; bit < 8; bit++) {
                byte[] changed = bytes.clone();
                changed[at] ^= (byte) (1 << bit);
                try {
                    Echo echo = Echo.CODEC.decode(changed);
                    assertEquals(echo, Echo.CODEC.decode(Echo.CODEC.encode(echo)));
                } catch (Malformed malformed) {
                    refused++;
                }
            }
        }
        assertEquals(true, refused > bytes.length, "refused " + refused);
    }

    @Test
    void a_map_of_any_order_has_the_same_bytes() {
        Map<String, Long> entries = new HashMap<>();
        for (long n = 0; n < 100; n++) {
            entries.put("k" + n, n);
        }
        entries.put("\uffff", 1L);
        entries.put("\ud83d\ude00", 2L);
        byte[] bytes = Mapped.CODEC.encode(new Mapped(entries));
        assertArrayEquals(bytes, Mapped.CODEC.encode(Mapped.CODEC.decode(bytes)));
        String text = new String(bytes, java.nio.charset.StandardCharsets.UTF_8);
        assertEquals(true, text.indexOf("\uffff") < text.indexOf("\ud83d\ude00"), "sorted by UTF-8 bytes");
    }
}
