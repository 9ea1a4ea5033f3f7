package dev.evento.server;

import dev.evento.Bytes;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.HexFormat;

/**
 * The header fields of one request, by where they are in its buffer, and what Evento's mean (function protocol 5). A
 * field that is malformed or comes twice is refused with 400.
 */
final class Fields {
    /** For each field: where its name begins and ends, where its value begins and ends. */
    private final int[] fields = new int[4 * Limits.FIELDS];
    private int fieldCount;
    private byte[] buffer;

    /** Forgets everything; the next request is in this buffer. */
    void clear(byte[] buffer) {
        this.buffer = buffer;
        fieldCount = 0;
    }

    /** The buffer has moved, with its content in the same places. */
    void moved(byte[] buffer) {
        this.buffer = buffer;
    }

    /** Takes the line between these places. */
    void add(int from, int to) {
        if (fieldCount == Limits.FIELDS) {
            throw new Refused(431, "too many header fields", "at most " + Limits.FIELDS, true);
        }
        int colon = from;
        while (colon < to && buffer[colon] != ':') {
            colon++;
        }
        if (colon == from || colon == to || buffer[colon - 1] == ' ' || buffer[from] == ' ' || buffer[from] == '\t') {
            throw new Refused(400, "a header field without a name", "", true);
        }
        int valueFrom = colon + 1;
        int valueTo = to;
        while (valueFrom < valueTo && isBlank(buffer[valueFrom])) {
            valueFrom++;
        }
        while (valueTo > valueFrom && isBlank(buffer[valueTo - 1])) {
            valueTo--;
        }
        int at = 4 * fieldCount++;
        fields[at] = from;
        fields[at + 1] = colon;
        fields[at + 2] = valueFrom;
        fields[at + 3] = valueTo;
    }

    private static boolean isBlank(byte c) {
        return c == ' ' || c == '\t';
    }

    /** Value of a field, which is asked for in lower case; null when it is not there, 400 when it comes twice. */
    String text(String name) {
        String found = null;
        for (int n = 0; n < fieldCount; n++) {
            if (isNamed(4 * n, name)) {
                if (found != null) {
                    throw new Refused(400, "a header field comes twice", name, true);
                }
                int from = fields[4 * n + 2];
                found = new String(buffer, from, fields[4 * n + 3] - from, StandardCharsets.ISO_8859_1);
            }
        }
        return found;
    }

    private boolean isNamed(int field, String name) {
        int from = fields[field];
        if (fields[field + 1] - from != name.length()) {
            return false;
        }
        for (int n = 0; n < name.length(); n++) {
            int c = buffer[from + n];
            if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != name.charAt(n)) {
                return false;
            }
        }
        return true;
    }

    /** The media type without parameters, in lower case; empty when there is none. */
    String contentType() {
        String value = text("content-type");
        return value == null ? "" : value.split(";", 2)[0].strip().toLowerCase(java.util.Locale.ROOT);
    }

    /** A percent-encoded field; empty when it is not there. */
    String decoded(String name) {
        String value = text(name);
        if (value == null || value.indexOf('%') < 0) {
            return value == null ? "" : value;
        }
        byte[] out = new byte[value.length()];
        int size = 0;
        for (int n = 0; n < value.length(); n++) {
            int high = value.charAt(n) == '%' && n + 2 < value.length() ? Character.digit(value.charAt(n + 1), 16) : -1;
            int low = high < 0 ? -1 : Character.digit(value.charAt(n + 2), 16);
            out[size++] = (byte) (low < 0 ? value.charAt(n) : high << 4 | low);
            n += low < 0 ? 0 : 2;
        }
        return new String(out, 0, size, StandardCharsets.UTF_8);
    }

    /** {@code Evento-Time}. */
    Instant time() {
        String value = text("evento-time");
        try {
            return Instant.parse(value == null ? "" : value);
        } catch (DateTimeException wrong) {
            throw new Refused(400, "Evento-Time is missing or malformed", String.valueOf(value));
        }
    }

    /** {@code Evento-Seq}. */
    long seq() {
        String value = text("evento-seq");
        try {
            return Long.parseLong(value == null ? "" : value);
        } catch (NumberFormatException wrong) {
            throw new Refused(400, "Evento-Seq is missing or malformed", String.valueOf(value));
        }
    }

    /** {@code Evento-Seed}. */
    Bytes seed() {
        String value = text("evento-seed");
        try {
            if (value != null && value.length() == 32) {
                return Bytes.of(HexFormat.of().parseHex(value));
            }
        } catch (IllegalArgumentException wrong) {
            // Said below.
        }
        throw new Refused(400, "Evento-Seed is missing or malformed", String.valueOf(value));
    }

    /** The time left, by {@code Evento-Timeout-Ms}. */
    Deadline deadline() {
        String value = text("evento-timeout-ms");
        try {
            long most = Limits.CALL.toMillis();
            return Deadline.in(value == null ? most : Math.max(0, Math.min(Long.parseLong(value), most)));
        } catch (NumberFormatException wrong) {
            throw new Refused(400, "Evento-Timeout-Ms is no number", value);
        }
    }
}
