package dev.evento.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bounds and refusals of the codec's run-time. */
class ReaderTest {
    private static Reader over(String hex) {
        return new Reader(HexFormat.of().parseHex(hex.replace(" ", "")));
    }

    private static void refused(String wanted, Runnable read) {
        Malformed malformed = assertThrows(Malformed.class, read::run);
        assertTrue(malformed.getMessage().contains(wanted), malformed.getMessage());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, -1, 63, 64, -64, -65, 1L << 31, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE - 1})
    void a_long_comes_back(long value) {
        Writer out = new Writer(1);
        out.writeLong(value);
        assertEquals(value, new Reader(out.toByteArray()).readLong());
    }

    @Test
    void numbers_that_do_not_fit_are_refused() {
        refused("64 bits", () -> over("ffffffffffffffffff02").readLong());
        refused("end in the middle", () -> over("80").readLong());
        refused("32 bits", () -> over("8080808010").readInt());
        assertEquals(Integer.MIN_VALUE, over("ffffffff0f").readInt());
    }

    @Test
    void booleans_and_indexes_are_in_range() {
        refused("a boolean", () -> over("02").readBoolean());
        refused("index 2", () -> over("04").readIndex(2));
        refused("index -1", () -> over("01").readIndex(2));
    }

    @Test
    void texts_are_utf_8_and_as_long_as_they_say() {
        refused("not UTF-8", () -> over("04c3 28").readString());
        refused("not UTF-8", () -> over("06eda080").readString());
        refused("a length of 5", () -> over("0a6162").readString());
        refused("a length of -1", () -> over("01").readBytes());
        assertEquals("é😀", over("0cc3a9f09f9880").readString());
    }

    @ParameterizedTest
    @CsvSource({"08 616263, 4 items", "07 00, 4 items", "ffffffffffffffffff01 00, a block"})
    void counts_beyond_the_bytes_are_refused(String hex, String wanted) {
        refused(wanted, () -> over(hex).readList(Reader::readFloat));
    }

    @Test
    void a_block_has_the_size_it_says() {
        assertEquals(List.of(1L, 2L), over("03 04 02 04 00").readList(Reader::readLong));
        refused("another size", () -> over("03 02 02 04 00 00").readList(Reader::readLong));
    }

    @Test
    void items_without_bytes_are_counted() {
        List<Object> nothings = over("80 80 08 00").readListOfNothing(in -> null);
        assertEquals(65_536, nothings.size());
        refused("without any byte", () -> over("82 80 08 00").readListOfNothing(in -> null));
        refused("without any byte", () -> over("ffffffffffffffffff01 00 00").readListOfNothing(in -> null));
    }

    @Test
    void nesting_ends_at_64() {
        assertEquals(64, depthOf(64));
        refused("deeper than 64", () -> depthOf(65));
    }

    private static int depthOf(int depth) {
        return nested(over("02".repeat(depth - 1) + "00".repeat(depth)), depth);
    }

    private static int nested(Reader in, int depth) {
        List<Integer> inner = in.readList(reader -> nested(reader, depth - 1));
        return inner.isEmpty() ? 1 : inner.get(0) + 1;
    }

    @Test
    void a_key_comes_once() {
        refused("is there twice", () -> over("04 0261 02 0261 04 00").readMap(Reader::readLong));
    }

    @Test
    void decimals_keep_their_scale_and_precision() {
        assertEquals(new BigDecimal("12.34"), over("0404d2").readDecimal(4, 2));
        assertEquals(new BigDecimal("0.00"), over("00").readDecimal(4, 2));
        assertEquals(new BigDecimal("-0.01"), over("04ffff").readDecimal(4, 2));
        refused("more than 3 digits", () -> over("0404d2").readDecimal(3, 2));
        Writer out = new Writer(1);
        out.writeFixedDecimal(new BigDecimal("-12.34"), 4);
        assertEquals("fffffb2e", HexFormat.of().formatHex(out.toByteArray()));
    }

    @Test
    void uuids_are_well_formed() {
        UUID id = UUID.fromString("123e4567-e89b-12d3-a456-426614174000");
        Writer out = new Writer(1);
        out.writeUuid(id);
        out.writeFixedUuid(id);
        Reader in = new Reader(out.toByteArray());
        assertEquals(id, in.readUuid());
        assertEquals(id, in.readFixedUuid());
        in.end();
        refused("a uuid looks like", () -> new Reader("H123e4567-e89b-12d3-a456-42661417400g".getBytes()).readUuid());
    }

    @Test
    void the_extremes_of_time_come_back() {
        Writer out = new Writer(1);
        for (long extreme : new long[] {Long.MIN_VALUE, -1, 0, Long.MAX_VALUE}) {
            out.clear(64);
            out.writeLong(extreme);
            out.writeLong(extreme);
            Reader in = new Reader(out.toByteArray());
            Instant millis = Check.millis(in.readTimestampMillis(), "a");
            Instant micros = Check.micros(in.readTimestampMicros(), "b");
            Writer again = new Writer(1);
            again.writeTimestampMillis(millis);
            again.writeTimestampMicros(micros);
            assertEquals(HexFormat.of().formatHex(out.toByteArray()), HexFormat.of().formatHex(again.toByteArray()));
        }
        assertEquals(LocalDate.of(1970, 1, 2), over("02").readDate());
    }

    @Test
    void a_value_without_bytes_is_refused_where_it_is_made() {
        Instant now = Instant.ofEpochSecond(1, 1);
        assertWrong("truncatedTo", () -> Check.millis(now, "A.at"));
        assertWrong("too far", () -> Check.micros(Instant.MAX.truncatedTo(ChronoUnit.SECONDS), "A.at"));
        assertWrong("too far", () -> Check.date(LocalDate.MAX, "A.day"));
        assertWrong("round it", () -> Check.decimal(new BigDecimal("0.001"), 9, 2, "A.price"));
        assertWrong("at most 3 digits", () -> Check.decimal(new BigDecimal("12.34"), 3, 2, "A.price"));
        assertWrong("at most 3 digits", () -> Check.decimal(new BigDecimal("1e1000000000"), 3, 2, "A.price"));
        assertEquals(new BigDecimal("1.50"), Check.decimal(new BigDecimal("1.5"), 3, 2, "A.price"));
        assertEquals(new BigDecimal("1.5"), Check.decimal(new BigDecimal("1.500"), 3, 1, "A.price"));
        assertWrong("must have 4 bytes", () -> Check.fixed(dev.evento.Bytes.hex("00"), 4, "A.four"));
        assertThrows(NullPointerException.class, () -> Check.present(null, "A.b"));
        assertWrong("half a surrogate pair", () -> new Writer(1).writeString("a\ud83d"));
    }

    private static void assertWrong(String wanted, Runnable make) {
        IllegalArgumentException wrong = assertThrows(IllegalArgumentException.class, make::run);
        assertTrue(wrong.getMessage().contains(wanted), wrong.getMessage());
    }

    @Test
    void lists_and_maps_are_copied_and_cannot_be_changed() {
        List<String> source = new ArrayList<>(List.of("a"));
        List<String> copy = Check.list(source, item -> Check.present(item, "A.b"), "A.b");
        source.add("b");
        assertEquals(List.of("a"), copy);
        assertThrows(UnsupportedOperationException.class, () -> copy.add("c"));
        Map<String, Long> map = Check.map(Map.of("k", 1L), item -> item, "A.m");
        assertThrows(UnsupportedOperationException.class, () -> map.put("x", 1L));
        assertThrows(UnsupportedOperationException.class, () -> map.entrySet().iterator().next().setValue(2L));
        assertEquals(Map.of("k", 1L), map);
    }
}
