package dev.evento.server;

import dev.evento.codec.Malformed;
import dev.evento.codec.Reader;
import dev.evento.host.Host;

/**
 * Reads a {@code RunRequest} (function protocol 6.2), one work after the other. The steps of a work are only noted by
 * where they are; one object serves many requests.
 */
final class Batch {
    private final Reader in = new Reader(new byte[0]);
    private int steps;
    private int stepsSeen;
    private int[] places = new int[64 * FIELDS];
    private long[] times = new long[64];

    /** Numbers noted per step: where its type, payload, id and seed begin, and how long they are. */
    private static final int FIELDS = 8;

    int ref;
    String entityId;
    long seq;
    /** Where the state begins, or -1 when there is none. */
    int stateFrom;
    int stateLength;
    boolean isCommand;
    /** 0 none, 1 final, 2 each. */
    int want;

    private long worksLeft;
    private int works;
    private boolean ended;

    /** Begins with a request; gives the host of its entity, or null when that is unknown. */
    Host<?> begin(Functions functions, byte[] body, int from, int to) {
        in.over(body, from, to);
        works = 0;
        stepsSeen = 0;
        worksLeft = 0;
        ended = false;
        int length = in.readLength();
        return functions.entity(body, in.skip(length), length);
    }

    byte[] bytes() {
        return in.array();
    }

    int works() {
        return works;
    }

    int steps() {
        return steps;
    }

    /**
     * Reads the next work.
     *
     * @return false after the last
     * @throws Malformed when the bytes are no request, or have more works or steps than the manifest offers
     */
    boolean next() {
        if (worksLeft == 0 && !ended) {
            worksLeft = blockCount();
            ended = worksLeft == 0;
        }
        if (ended) {
            in.end();
            return false;
        }
        worksLeft--;
        if (++works > Limits.WORKS) {
            throw new Malformed("more than " + Limits.WORKS + " works");
        }
        ref = in.readInt();
        entityId = in.readString();
        seq = in.readLong();
        boolean hasState = in.readIndex(2) == 1;
        stateLength = hasState ? in.readLength() : 0;
        stateFrom = hasState ? in.skip(stateLength) : -1;
        isCommand = in.readIndex(2) == 0;
        want = in.readIndex(3);
        steps = 0;
        for (long count; (count = blockCount()) != 0; ) {
            for (long left = count; left > 0; left--) {
                step();
            }
        }
        return true;
    }

    private long blockCount() {
        long count = in.readLong();
        if (count < 0) {
            in.readLong();
            count = -count;
        }
        if (count < 0 || count > in.remaining()) {
            throw new Malformed("a block of " + count + " items where " + in.remaining() + " bytes are left");
        }
        return count;
    }

    private void step() {
        if (++stepsSeen > Limits.STEPS) {
            throw new Malformed("more than " + Limits.STEPS + " steps");
        }
        if (steps == times.length) {
            times = java.util.Arrays.copyOf(times, 2 * steps);
            places = java.util.Arrays.copyOf(places, 2 * steps * FIELDS);
        }
        int at = steps * FIELDS;
        slice(at);
        slice(at + 2);
        slice(at + 4);
        times[steps] = in.readLong();
        slice(at + 6);
        for (long count; (count = blockCount()) != 0; ) {
            for (long left = count; left > 0; left--) {
                in.skip(in.readLength());
                in.skip(in.readLength());
            }
        }
        steps++;
    }

    private void slice(int at) {
        int length = in.readLength();
        places[at] = in.skip(length);
        places[at + 1] = length;
    }

    int typeFrom(int step) {
        return places[step * FIELDS];
    }

    int typeLength(int step) {
        return places[step * FIELDS + 1];
    }

    int payloadFrom(int step) {
        return places[step * FIELDS + 2];
    }

    int payloadLength(int step) {
        return places[step * FIELDS + 3];
    }

    int idFrom(int step) {
        return places[step * FIELDS + 4];
    }

    int idLength(int step) {
        return places[step * FIELDS + 5];
    }

    int seedFrom(int step) {
        return places[step * FIELDS + 6];
    }

    int seedLength(int step) {
        return places[step * FIELDS + 7];
    }

    long time(int step) {
        return times[step];
    }
}
