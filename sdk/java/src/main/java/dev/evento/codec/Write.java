package dev.evento.codec;

/** Appends one value; a method reference such as {@code Writer::writeString} or {@code Account::write}. */
@FunctionalInterface
public interface Write<T> {
    /**
     * Appends the value's canonical bytes.
     *
     * @throws IllegalArgumentException when the schema has no bytes for this value
     */
    void write(Writer out, T value);
}
