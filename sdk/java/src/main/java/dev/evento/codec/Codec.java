package dev.evento.codec;

import java.util.Objects;

/**
 * A named type: its Avro full name, its Java class, and how it becomes bytes. Generated types have theirs in a
 * constant {@code CODEC}.
 */
public final class Codec<T> {
    private final String name;
    private final Class<T> type;
    private final Read<T> read;
    private final Write<T> write;

    /** Made by generated code. */
    public Codec(String name, Class<T> type, Read<T> read, Write<T> write) {
        this.name = Objects.requireNonNull(name);
        this.type = Objects.requireNonNull(type);
        this.read = Objects.requireNonNull(read);
        this.write = Objects.requireNonNull(write);
    }

    /** Avro full name, such as {@code bank.Account}. */
    public String name() {
        return name;
    }

    /** The Java class. */
    public Class<T> type() {
        return type;
    }

    /** Appends a value's canonical bytes. */
    public void write(Writer out, T value) {
        write.write(out, value);
    }

    /** A value's canonical bytes. */
    public byte[] encode(T value) {
        Writer out = new Writer(64);
        write.write(out, value);
        return out.toByteArray();
    }

    /**
     * The value of these bytes, all of them.
     *
     * @throws Malformed when the bytes are not one value of this type
     */
    public T decode(byte[] bytes) {
        return readAll(new Reader(bytes));
    }

    /**
     * The value of everything that is left in the reader.
     *
     * @throws Malformed when that is not one value of this type
     */
    public T readAll(Reader in) {
        try {
            T value = read.read(in);
            in.end();
            return value;
        } catch (Malformed malformed) {
            throw new Malformed(name + ": " + malformed.getMessage());
        }
    }

    /**
     * The next value, whatever comes after it.
     *
     * @throws Malformed when the bytes do not begin with a value of this type
     */
    public T readNext(Reader in) {
        try {
            return read.read(in);
        } catch (Malformed malformed) {
            throw new Malformed(name + ": " + malformed.getMessage());
        }
    }
}
