// SPDX-License-Identifier: MPL-2.0
// Drives a contact's life through the generated C++ client.
#include <OAIAccessApi.h>
#include <OAIChangesApi.h>
#include <OAIContactsApi.h>

#include <QCoreApplication>
#include <QEventLoop>
#include <QTimer>
#include <QUrl>
#include <QUuid>

#include <cstdlib>
#include <iostream>

namespace {

using namespace OpenAPI;

const QString none; // an optional text that is not sent

[[noreturn]] void fail(const QString& what) {
    std::cerr << "life.cpp: " << what.toStdString() << '\n';
    std::exit(1);
}

template <class Got, class Wanted>
void expect(const char* what, const Got& got, const Wanted& wanted) {
    if (!(got == wanted)) {
        std::cerr << "life.cpp: " << what << ": expected " << QVariant(wanted).toString().toStdString() << ", got "
                  << QVariant(got).toString().toStdString() << '\n';
        std::exit(1);
    }
}

/// The answer to a call.
template <class Body>
struct answer {
    int status = 0;
    Body body{}; ///< empty unless the call succeeded
    QMap<QString, QString> headers;
};

/// Makes a call and waits for its answer, 30 seconds at most. `good` and `bad` are the signals of the call for success and failure.
template <class Api, class Body, class Call>
answer<Body> ask(Api& api, void (Api::*good)(OAIHttpRequestWorker*, Body),
                 void (Api::*bad)(OAIHttpRequestWorker*, QNetworkReply::NetworkError, QString), const Call& call) {
    answer<Body> out;
    QEventLoop loop;
    QObject scope; // ends the connections
    const auto note = [&](OAIHttpRequestWorker* worker) {
        out.status = worker->getHttpResponseCode();
        out.headers = worker->getResponseHeaders();
        loop.quit();
    };
    QObject::connect(&api, good, &scope, [&](OAIHttpRequestWorker* worker, const Body& body) {
        out.body = body;
        note(worker);
    });
    QObject::connect(&api, bad, &scope, [&](OAIHttpRequestWorker* worker, QNetworkReply::NetworkError, const QString&) { note(worker); });
    QTimer::singleShot(30000, &scope, [] { fail("no answer within 30 seconds"); });
    call();
    loop.exec();
    return out;
}

template <class Api>
void point(Api& api, const QUrl& base, const QString& token) {
    api.setScheme(base.scheme());
    api.setHost(base.host());
    api.setPort(base.port());
    api.setBasePath("");
    if (!token.isEmpty()) api.addHeaders("Authorization", "Bearer " + token);
}

QString variable(const char* name) {
    const auto value = qEnvironmentVariable(name);
    if (value.isEmpty()) fail(QString("%1 is not set").arg(name));
    return value;
}

/// The calls that the life needs.
class client {
public:
    client(const QUrl& base, const QString& token) {
        point(contacts_, base, token);
        point(changes_, base, token);
    }

    auto create(const OAIContactInSchema& contact) {
        return ask(contacts_, &OAIContactsApi::postCtmsSignalFull, &OAIContactsApi::postCtmsSignalEFull,
                   [&] { contacts_.postCtms(contact, none); });
    }
    auto read(const QString& id) {
        return ask(contacts_, &OAIContactsApi::getCtmsEmailIdSignalFull, &OAIContactsApi::getCtmsEmailIdSignalEFull,
                   [&] { contacts_.getCtmsEmailId(id, none); });
    }
    auto change(const QString& id, const OAIContactPatchSchema& changes, const QString& if_match) {
        return ask(contacts_, &OAIContactsApi::patchCtmsEmailIdSignalFull, &OAIContactsApi::patchCtmsEmailIdSignalEFull,
                   [&] { contacts_.patchCtmsEmailId(id, changes, if_match, none, none); });
    }
    auto replace(const QString& id, const OAIContactPutSchema& whole) {
        return ask(contacts_, &OAIContactsApi::putCtmsEmailIdSignalFull, &OAIContactsApi::putCtmsEmailIdSignalEFull,
                   [&] { contacts_.putCtmsEmailId(id, whole, none, none, none); });
    }
    auto find(const QString& address) {
        return ask(contacts_, &OAIContactsApi::getCtmsSignalFull, &OAIContactsApi::getCtmsSignalEFull,
                   [&] { contacts_.getCtms(none, address, none, none, none, none, none, none, none); });
    }
    auto ids(const QString& id) {
        return ask(contacts_, &OAIContactsApi::getIdentityEmailIdSignalFull, &OAIContactsApi::getIdentityEmailIdSignalEFull,
                   [&] { contacts_.getIdentityEmailId(id); });
    }
    auto remove(const QString& address) {
        return ask(contacts_, &OAIContactsApi::deleteCtmsPrimaryEmailSignalFull, &OAIContactsApi::deleteCtmsPrimaryEmailSignalEFull,
                   [&] { contacts_.deleteCtmsPrimaryEmail(address, none, none, none); });
    }
    auto feed() {
        return ask(changes_, &OAIChangesApi::getChangesSignalFull, &OAIChangesApi::getChangesSignalEFull,
                   [&] { changes_.getChanges(none, 100, none, none); });
    }

private:
    OAIContactsApi contacts_;
    OAIChangesApi changes_;
};

QString token_of(const QUrl& base) {
    OAIAccessApi access;
    point(access, base, "");
    const auto ask_for = [&](const QString& secret) {
        return ask(access, &OAIAccessApi::postTokenSignalFull, &OAIAccessApi::postTokenSignalEFull,
                   [&] { access.postToken("client_credentials", variable("CLIENT_ID"), secret); });
    };
    expect("status for a wrong secret", ask_for("wrong").status, 400);
    const auto issued = ask_for(variable("CLIENT_SECRET"));
    expect("status of the token", issued.status, 200);
    expect("kind of token", issued.body.getTokenType(), QString("bearer"));
    return issued.body.getAccessToken();
}

void live(client& as, client& anonymous) {
    const auto id = QUuid::createUuid().toString(QUuid::WithoutBraces);
    const QString address = "generated-cpp@example.com";
    expect("status without a token", anonymous.read(id).status, 401);
    expect("status of an unknown contact", as.read(id).status, 404);

    OAIEmailInSchema email;
    email.setEmailId(id);
    email.setPrimaryEmail(address);
    email.setFirstName("Jane");
    OAINewsletterBase newsletter;
    newsletter.setName("tips");
    OAIContactInSchema contact;
    contact.setEmail(email);
    contact.setNewsletters({newsletter});
    const auto made = as.create(contact);
    expect("status of the creation", made.status, 201);
    expect("address", made.body.getEmail().getPrimaryEmail(), address);
    expect("number of newsletters", made.body.getNewsletters().size(), 1);
    expect("newsletter", made.body.getNewsletters().front().getName(), QString("tips"));
    expect("place", made.headers.value("Location"), "/ctms/" + id);
    expect("status of the same again", as.create(contact).status, 200);
    OAIEmailInSchema same_address;
    same_address.setPrimaryEmail(address);
    OAIContactInSchema other;
    other.setEmail(same_address);
    expect("status of the address again", as.create(other).status, 409);

    OAIEmailPatchSchema new_name;
    new_name.setFirstName("Janet");
    OAIContactPatchSchema changes;
    changes.setEmail(new_name);
    expect("status of an outdated tag", as.change(id, changes, "\"outdated\"").status, 412);
    const auto changed = as.change(id, changes, made.headers.value("ETag"));
    expect("status of the change", changed.status, 200);
    expect("first name", changed.body.getEmail().getFirstName(), QString("Janet"));

    const auto found = as.find(address);
    expect("status of the lookup", found.status, 200);
    expect("number of contacts", found.body.size(), 1);
    expect("id", found.body.front().getEmail().getEmailId(), id);
    expect("status of a lookup without ids", as.find(none).status, 400);
    expect("ids", as.ids(id).body.getPrimaryEmail(), address);

    OAIEmailPutSchema bare;
    bare.setEmailId(id);
    bare.setPrimaryEmail(address);
    OAIContactPutSchema whole;
    whole.setEmail(bare);
    expect("status of the replacement", as.replace(id, whole).status, 201);
    const auto replaced = as.read(id);
    expect("status", replaced.status, 200);
    expect("whether a first name is left", replaced.body.getEmail().is_first_name_Set(), false);

    const auto feed = as.feed();
    expect("status of the feed", feed.status, 200);
    expect("last change", feed.body.getItems().back().getEmailId(), id);
    const auto removed = as.remove(address);
    expect("status of the deletion", removed.status, 200);
    expect("deleted contact", removed.body.front().getEmailId(), id);
    expect("status of the deleted contact", as.read(id).status, 404);
    expect("status of a second deletion", as.remove(address).status, 404);
}

} // namespace

int main(int argc, char** argv) {
    const QCoreApplication program(argc, argv);
    const QUrl base(variable("BASE_URL"));
    client as(base, token_of(base));
    client anonymous(base, "");
    live(as, anonymous);
    std::cout << "life.cpp: the generated C++ client works\n";
}
