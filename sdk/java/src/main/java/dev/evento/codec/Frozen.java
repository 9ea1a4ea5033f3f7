package dev.evento.codec;

import java.util.AbstractList;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.RandomAccess;
import java.util.Set;
import java.util.TreeMap;

/** Lists and maps that nobody can change any more. */
final class Frozen {
    /** Order of the UTF-8 bytes, which is the order of code points and not of Java's {@code char}s. */
    static final Comparator<String> KEYS = Frozen::compareKeys;

    private Frozen() {}

    static <T> List<T> list(ArrayList<T> items) {
        return new FrozenList<>(items);
    }

    static <T> Map<String, T> map(TreeMap<String, T> entries) {
        return new FrozenMap<>(entries);
    }

    private static int compareKeys(String a, String b) {
        int length = Math.min(a.length(), b.length());
        for (int n = 0; n < length; n++) {
            char x = a.charAt(n);
            char y = b.charAt(n);
            if (x != y) {
                boolean surrogates = Character.isSurrogate(x) != Character.isSurrogate(y);
                // A surrogate stands for a code point above every other char.
                return surrogates ? (Character.isSurrogate(x) ? 1 : -1) : Character.compare(x, y);
            }
        }
        return Integer.compare(a.length(), b.length());
    }

    private static final class FrozenList<T> extends AbstractList<T> implements RandomAccess {
        private final ArrayList<T> items;

        FrozenList(ArrayList<T> items) {
            this.items = items;
        }

        @Override
        public T get(int index) {
            return items.get(index);
        }

        @Override
        public int size() {
            return items.size();
        }
    }

    private static final class FrozenMap<T> extends AbstractMap<String, T> {
        private final TreeMap<String, T> entries;

        FrozenMap(TreeMap<String, T> entries) {
            this.entries = entries;
        }

        @Override
        public Set<Entry<String, T>> entrySet() {
            return Collections.unmodifiableMap(entries).entrySet();
        }

        @Override
        public T get(Object key) {
            return key instanceof String text ? entries.get(text) : null;
        }

        @Override
        public boolean containsKey(Object key) {
            return key instanceof String text && entries.containsKey(text);
        }

        @Override
        public int size() {
            return entries.size();
        }
    }
}
