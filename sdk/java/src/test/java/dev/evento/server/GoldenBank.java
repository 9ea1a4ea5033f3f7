package dev.evento.server;

import dev.evento.ApplyContext;
import dev.evento.Context;
import dev.evento.EntityFunction;
import dev.evento.Events;
import dev.evento.Failure;
import dev.evento.codec.Codec;
import dev.evento.codec.Reader;
import dev.evento.codec.Writer;
import dev.evento.host.Host;

/** The function of the golden envelopes, by hand: an account with deposits only. */
final class GoldenBank implements EntityFunction<GoldenBank.Account, GoldenBank.Money, GoldenBank.Received> {
    private final Failure failure;

    /** {@code failure}: what handle throws, or null. */
    GoldenBank(Failure failure) {
        this.failure = failure;
    }

    record Account(String owner, String currency, long balance, int deposits) {
        static final Codec<Account> CODEC =
                new Codec<>("bank.Account", Account.class, Account::read, Account::write);

        static Account read(Reader in) {
            return new Account(in.readString(), in.readString(), in.readLong(), in.readInt());
        }

        static void write(Writer out, Account value) {
            out.writeString(value.owner);
            out.writeString(value.currency);
            out.writeLong(value.balance);
            out.writeInt(value.deposits);
        }
    }

    record Money(long amount, String reference) {
        static final Codec<Money> CODEC = new Codec<>("bank.DepositCash", Money.class,
                in -> new Money(in.readLong(), in.readString()), (out, value) -> {
                    out.writeLong(value.amount);
                    out.writeString(value.reference);
                });
    }

    record Received(long amount, String reference) {
        static final Codec<Received> CODEC = new Codec<>("bank.DepositReceived", Received.class,
                in -> new Received(in.readLong(), in.readString()), (out, value) -> {
                    out.writeLong(value.amount);
                    out.writeString(value.reference);
                });
    }

    private Events<Received> deposit(Money command, Account account, Context context) {
        if (failure != null) {
            throw failure;
        }
        return Events.of(new Received(command.amount, command.reference));
    }

    private Account onReceived(Received event, Account account, ApplyContext context) {
        return new Account(account.owner, account.currency, account.balance + event.amount, account.deposits + 1);
    }

    @Override
    public Host<Account> host() {
        return Host.of(Account.CODEC, stateVersion())
                .event(Received.CODEC, this::onReceived)
                .command(Money.CODEC, this::deposit, Received.CODEC)
                .build();
    }
}
