package dev.evento.codec;

/** Reads one value; a method reference such as {@code Reader::readString} or {@code Account::read}. */
@FunctionalInterface
public interface Read<T> {
    /**
     * The next value.
     *
     * @throws Malformed when the bytes are not of the schema
     */
    T read(Reader in);
}
