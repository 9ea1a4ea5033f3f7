package dev.evento.codec;

import dev.evento.Bytes;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import java.util.function.UnaryOperator;

/**
 * What the constructors of generated records do with their components: refuse what the schema has no bytes for, and
 * copy what could change afterwards. So a wrong value is found where it is made, with the name of its field.
 */
public final class Check {
    private Check() {}

    /** A value that must be there. */
    public static <T> T present(T value, String field) {
        if (value == null) {
            throw new NullPointerException(field + " must not be null");
        }
        return value;
    }

    /** Bytes of a {@code fixed}. */
    public static Bytes fixed(Bytes value, int size, String field) {
        if (present(value, field).size() != size) {
            throw wrong(field, "must have " + size + " bytes, not " + value.size());
        }
        return value;
    }

    /** A {@code decimal}, brought to its scale. Nothing is rounded. */
    public static BigDecimal decimal(BigDecimal value, int precision, int scale, String field) {
        BigDecimal scaled = present(value, field);
        if (scaled.scale() != scale) {
            if (scaled.stripTrailingZeros().scale() > scale) {
                String round = ".setScale(" + scale + ", RoundingMode.HALF_EVEN)";
                throw wrong(field, "has at most " + scale + " decimal places, not " + value + "; round it: " + round);
            }
            // Numbers that are far too large are refused before their zeros are written out.
            if ((long) scaled.precision() - scaled.scale() + scale <= precision || scaled.signum() == 0) {
                scaled = scaled.setScale(scale);
            }
        }
        if (scaled.scale() != scale || scaled.precision() > precision) {
            throw wrong(field, "has at most " + precision + " digits, " + scale + " of them after the point");
        }
        return scaled;
    }

    /** A {@code timestamp-millis}. */
    public static Instant millis(Instant value, String field) {
        if (present(value, field).getNano() % 1_000_000 != 0) {
            throw wrong(field, "is in milliseconds; use .truncatedTo(ChronoUnit.MILLIS)");
        }
        return inRange(value, Instant::toEpochMilli, field);
    }

    /** A {@code timestamp-micros}. */
    public static Instant micros(Instant value, String field) {
        if (present(value, field).getNano() % 1_000 != 0) {
            throw wrong(field, "is in microseconds; use .truncatedTo(ChronoUnit.MICROS)");
        }
        return inRange(value, Writer::micros, field);
    }

    private static Instant inRange(Instant value, ToLongFunction<Instant> count, String field) {
        try {
            count.applyAsLong(value);
            return value;
        } catch (ArithmeticException tooFar) {
            throw wrong(field, "is too far from 1970 for its 64 bits");
        }
    }

    /** A {@code date}. */
    public static LocalDate date(LocalDate value, String field) {
        long day = present(value, field).toEpochDay();
        if (day != (int) day) {
            throw wrong(field, "is too far from 1970 for its 32 bits");
        }
        return value;
    }

    /** An array: a copy that nobody can change, of checked items. */
    public static <T> List<T> list(List<T> value, UnaryOperator<T> item, String field) {
        ArrayList<T> items = new ArrayList<>(present(value, field).size());
        for (T each : value) {
            items.add(item.apply(each));
        }
        return Frozen.list(items);
    }

    /** A map: a copy that nobody can change, sorted by the UTF-8 bytes of its keys, of checked values. */
    public static <T> Map<String, T> map(Map<String, T> value, UnaryOperator<T> item, String field) {
        TreeMap<String, T> entries = new TreeMap<>(Frozen.KEYS);
        present(value, field).forEach((key, each) -> entries.put(present(key, field), item.apply(each)));
        return Frozen.map(entries);
    }

    private static IllegalArgumentException wrong(String field, String what) {
        return new IllegalArgumentException(field + " " + what);
    }
}
