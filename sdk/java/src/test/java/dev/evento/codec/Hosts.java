package dev.evento.codec;

import dev.evento.EntityFunction;
import dev.evento.host.Host;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;

/** Hosts of generated functions that nobody has implemented: their codecs are what is tested. */
final class Hosts {
    private Hosts() {}

    /**
     * The probe, the generator's golden project, and, when {@code check} made them, random schemas; by the names of
     * their interfaces, since the code is not always there.
     */
    static List<Host<?>> all() throws ReflectiveOperationException {
        List<Host<?>> hosts = new ArrayList<>();
        hosts.add(of("evento.conformance.ProbeFunction"));
        hosts.add(of("everything.ThingFunction"));
        hosts.add(of("everything.ShelfFunction"));
        if (Hosts.class.getResource("/cross/SubjectFunction.class") != null) {
            hosts.add(of("cross.SubjectFunction"));
        }
        return hosts;
    }

    private static Host<?> of(String function) throws ReflectiveOperationException {
        Class<?> type = Class.forName(function);
        InvocationHandler defaults = InvocationHandler::invokeDefault;
        Object unimplemented = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, defaults);
        return ((EntityFunction<?, ?, ?>) unimplemented).host();
    }
}
