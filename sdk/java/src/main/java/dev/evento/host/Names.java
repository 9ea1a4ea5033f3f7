package dev.evento.host;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/** Finds what a name stands for by its UTF-8 bytes, without making a string of them. */
final class Names<T> {
    private final List<T> values;
    private final byte[][] names;
    private final Object[] slots;

    Names(Map<String, T> entries) {
        values = List.copyOf(entries.values());
        int size = Integer.highestOneBit(Math.max(entries.size(), 1)) * 4;
        names = new byte[size][];
        slots = new Object[size];
        entries.forEach((name, value) -> {
            byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
            int slot = slot(bytes, 0, bytes.length);
            names[slot] = bytes;
            slots[slot] = value;
        });
    }

    Collection<T> values() {
        return values;
    }

    @SuppressWarnings("unchecked")
    T get(byte[] name, int from, int length) {
        return (T) slots[slot(name, from, length)];
    }

    /** Where the name is, or the free place where it would be. */
    private int slot(byte[] name, int from, int length) {
        int hash = 0;
        for (int n = from; n < from + length; n++) {
            hash = 31 * hash + name[n];
        }
        int slot = (hash ^ hash >>> 15) & names.length - 1;
        while (names[slot] != null && !Arrays.equals(names[slot], 0, names[slot].length, name, from, from + length)) {
            slot = slot + 1 & names.length - 1;
        }
        return slot;
    }
}
