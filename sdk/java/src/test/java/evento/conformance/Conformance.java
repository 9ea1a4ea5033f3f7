package evento.conformance;

import dev.evento.ApplyContext;
import dev.evento.Evento;
import dev.evento.Events;
import dev.evento.Failure;
import dev.evento.SeededRandom;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * The reference function of the conformance kit: {@code sdk/conformance/README.md} says what each command must do.
 * Started by {@code evento conformance … --sdk}.
 */
public class Conformance implements ProbeFunction {
    private static final Probe NONE = new Probe(0, 0, 0, Map.of(), null);
    private static final long DIGEST_BOUND = 1_000_000_007L;

    @Override
    public Events<EchoResult> echo(Echo c, Probe p, dev.evento.Context cx) {
        return Events.of(new Echoed(c.value()));
    }

    @Override
    public Events<EmitManyResult> emitMany(EmitMany c, Probe p, dev.evento.Context cx) {
        List<EmitManyResult> events = new ArrayList<>();
        for (int n = 0; n < c.n(); n++) {
            events.add(new Noted(n, "note " + n));
        }
        return Events.ofAll(events);
    }

    @Override
    public Events<RejectResult> reject(Reject c, Probe p, dev.evento.Context cx) {
        return Events.of(new Rejected(c.reason()));
    }

    @Override
    public Events<RejectAndCountResult> rejectAndCount(RejectAndCount c, Probe p, dev.evento.Context cx) {
        return Events.of(new RejectedAndCounted(c.reason()));
    }

    @Override
    public Events<ExpectCountResult> expectCount(ExpectCount c, Probe p, dev.evento.Context cx) {
        long count = p == null ? 0 : p.count();
        return count == c.count()
                ? Events.of(new Noted(1, "as expected"))
                : Events.of(new Rejected("the count is " + count));
    }

    @Override
    public Events<EndResult> end(End c, Probe p, dev.evento.Context cx) {
        return Events.of(new Ended());
    }

    @Override
    public Events<ThrowResult> throw_(Throw c, Probe p, dev.evento.Context cx) {
        throw new IllegalStateException(c.message());
    }

    @Override
    public Events<PoisonResult> poison(Poison c, Probe p, dev.evento.Context cx) {
        throw Failure.poison(c.message());
    }

    @Override
    public Events<BreakResult> break_(Break c, Probe p, dev.evento.Context cx) {
        return Events.of(new Noted(0, "before"), new Broken(c.message()));
    }

    @Override
    public Events<SleepResult> sleep(Sleep c, Probe p, dev.evento.Context cx) {
        try {
            Thread.sleep(c.ms());
        } catch (InterruptedException late) {
            throw Failure.retry("interrupted").withCause(late);
        }
        return Events.of(new Noted(c.ms(), "slept"));
    }

    @Override
    public Events<ContextResult> context(Context c, Probe p, dev.evento.Context cx) {
        List<UUID> uuids = new ArrayList<>();
        for (int n = 0; n < 10; n++) {
            uuids.add(cx.uuid(n));
        }
        SeededRandom random = cx.random();
        dev.evento.Bytes drawn = random.bytes(70);
        SeededRandom again = cx.random();
        long randomLong = again.nextLong();
        double randomDouble = again.nextDouble();
        List<Long> below = new ArrayList<>(List.of(again.below(1), again.below(6), again.below(DIGEST_BOUND)));
        for (int n = 0; n < 8; n++) {
            below.add(again.below(4_611_686_018_427_387_905L));
        }
        return Events.of(new ContextSeen(cx.entityId(), cx.seq(), cx.commandId(), cx.time(), cx.seed(), uuids, drawn,
                randomLong, randomDouble, below));
    }

    @Override
    public Events<MapsResult> maps(Maps c, Probe p, dev.evento.Context cx) {
        return Events.of(new Mapped(c.entries()));
    }

    @Override
    public Probe onEchoed(Echoed e, Probe p, ApplyContext cx) {
        return counted(p).withLast(e.value());
    }

    @Override
    public Probe onNoted(Noted e, Probe p, ApplyContext cx) {
        Probe next = counted(p);
        int length = e.text().getBytes(StandardCharsets.UTF_8).length;
        return next.withDigest((next.digest() * 31 + e.number() + 7L * length) % DIGEST_BOUND);
    }

    @Override
    public Probe onRejectedAndCounted(RejectedAndCounted e, Probe p, ApplyContext cx) {
        Probe next = counted(p);
        return next.withRejections(next.rejections() + 1);
    }

    @Override
    public Probe onContextSeen(ContextSeen e, Probe p, ApplyContext cx) {
        return counted(p).withTotals(Map.of(cx.entityId(), cx.time().toEpochMilli()));
    }

    @Override
    public Probe onMapped(Mapped e, Probe p, ApplyContext cx) {
        return counted(p).withTotals(e.entries());
    }

    @Override
    public Probe onEnded(Ended e, Probe p, ApplyContext cx) {
        return null;
    }

    @Override
    public Probe onBroken(Broken e, Probe p, ApplyContext cx) {
        throw new IllegalStateException(e.message());
    }

    private static Probe counted(Probe probe) {
        Probe before = probe == null ? NONE : probe;
        return before.withCount(before.count() + 1);
    }

    public static void main(String[] args) {
        Evento.serve(new Conformance());
    }
}
