package dev.evento.testing;

import dev.evento.ApplyContext;
import dev.evento.codec.Codec;
import dev.evento.host.EventType;
import dev.evento.host.Host;
import java.util.Arrays;
import java.util.HexFormat;

/** Passes values through their codecs and through apply, as the commit gate does. */
record Passing<S>(Host<S> host) {

    /** The value as it is after it was bytes. */
    <T> T through(Codec<T> codec, Object value) {
        T typed = codec.type().cast(value);
        byte[] bytes = codec.encode(typed);
        T back = codec.decode(bytes);
        if (!typed.equals(back)) {
            throw new AssertionError(
                    "a value does not pass through its codec:\n  before " + typed + "\n  after  " + back);
        }
        if (!Arrays.equals(bytes, codec.encode(back))) {
            throw new AssertionError("a value has different bytes after it passed through its codec: " + typed);
        }
        return back;
    }

    /** An event after it was bytes. */
    Object event(EventType<?, S> type, Object event) {
        return through(type.codec(), event);
    }

    /** The state after an event; apply is called twice and must give the same bytes. */
    S apply(EventType<?, S> type, Object event, S state, ApplyContext context) {
        S first = type.apply(event, state, context);
        byte[] bytes = bytes(first);
        byte[] again = bytes(type.apply(event, state, context));
        if (!Arrays.equals(bytes, again)) {
            throw new AssertionError("apply of " + type.codec().name() + " gives two different states:\n  first  "
                    + first + "\n  bytes  " + hex(bytes) + "\n  second " + hex(again));
        }
        return first == null ? null : through(host.state(), first);
    }

    /** The bytes of a state, or null. */
    byte[] bytes(S state) {
        return state == null ? null : host.state().encode(state);
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? "none" : HexFormat.of().formatHex(bytes);
    }
}
