// SPDX-License-Identifier: MPL-2.0
// A stand-in for Acoustic Campaign: a server of its own, in the test's process or as the program fake-acoustic, that
// speaks the vendor's XML API, keeps what it is sent, refuses what the vendor refuses, and fails on request. It listens on
// the loopback only. A call holds its slot and takes effect when its latency is over, also when its client has gone by then.
// Thread safe. Throws boost::system::system_error when it cannot listen.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::test {

struct fake_acoustic_options {
    std::uint16_t port = 0;               ///< 0 takes a free one
    bool tls = false;                     ///< HTTPS, with a certificate made at start (fake_acoustic::ca_file)
    std::chrono::milliseconds latency{0}; ///< of each call of the XML API, of which many may wait at once
    int most_at_once = 10;                ///< calls of the XML API under way; one more is refused with 429
    std::chrono::seconds token_life{4 * 3600};
    std::string client_id = "fake-client";
    std::string client_secret = "fake-secret";
    std::string refresh_token = "fake-refresh";
    std::string main_table_id = "1001";
    std::string newsletter_table_id = "1002";
    std::string product_table_id = "1003";
    std::function<void(std::string_view)> log; ///< gets a line for each call, without addresses, from a thread of the server
};

/// Something that goes wrong, at calls that it matches.
struct fake_fault {
    enum class kind {
        fault_answer,  ///< 200 with a Fault: `text` is its FaultString, `number` its errorid
        row_transient, ///< the rows that hold `holds` fail as transient; for AddRecipient the same as fault_answer 50
        row_permanent, ///< the rows that hold `holds` fail as permanent, with `text` as description
        status,        ///< an HTTP status, `number`, with an HTML body
        empty_body,    ///< 200 and nothing
        no_xml,        ///< 200 and text that is not XML
        cut,           ///< the connection is cut in the middle of the answer, after the call has taken effect
        cut_before,    ///< the connection is cut without any answer, and without effect
        stall          ///< no answer for `wait`, then a normal one; the effect is there at once
    };
    kind what = kind::fault_answer;
    std::string
        method; ///< token, AddRecipient, InsertUpdateRelationalTable, RemoveRecipient, DeleteRelationalTableData; "" for any but token
    std::string holds; ///< text that the call's XML must hold, e.g. an email_id; "" for any
    int times = -1;    ///< how many calls it hits; -1 for all
    int number = 0;    ///< an errorid or an HTTP status
    std::string text;
    std::chrono::milliseconds wait{0};
};

/// What the server has seen.
struct fake_acoustic_counts {
    std::map<std::string, int> calls; ///< by method, token included; refused ones too
    int most_at_once = 0;             ///< calls of the XML API that were under way together
    int refused_as_too_many = 0;
    int refused_tokens = 0; ///< calls with no good token: 401
    int connections = 0;    ///< accepted
    int oversized = 0;      ///< calls with more than 100 rows, which are refused
    int overlapping = 0;    ///< rows that another call was writing or deleting at the same time
};

class fake_acoustic {
public:
    using row = std::map<std::string, std::string>;                        ///< column to value; "" for an empty one
    using relational = std::map<std::pair<std::string, std::string>, row>; ///< by email_id and newsletter_name or product_id

    explicit fake_acoustic(fake_acoustic_options options = {});
    ~fake_acoustic();
    fake_acoustic(const fake_acoustic&) = delete;
    fake_acoustic& operator=(const fake_acoustic&) = delete;

    /// "http://127.0.0.1:PORT", or https.
    [[nodiscard]] std::string url() const;
    [[nodiscard]] std::uint16_t port() const;
    /// A file with the certificate to trust, with TLS.
    [[nodiscard]] std::string ca_file() const;

    void add_fault(fake_fault fault);
    void clear_faults();
    /// Down: connections are cut and new ones refused, until it is up again on the same port, which nobody else can take
    /// meanwhile. Calls whose latency was not over have no effect.
    void set_down(bool down);
    void set_latency(std::chrono::milliseconds latency);
    /// Makes every token given so far invalid.
    void forget_tokens();

    [[nodiscard]] fake_acoustic_counts counts() const;
    /// The contacts, by email_id.
    [[nodiscard]] std::map<std::string, row> contacts() const;
    [[nodiscard]] relational newsletters() const;
    [[nodiscard]] relational products() const;
    /// The bodies (XML) of the last calls that were taken, oldest first, at most 100.
    [[nodiscard]] std::vector<std::string> last_calls() const;
    /// How often a contact's main row was written, in all.
    [[nodiscard]] std::map<std::string, int> writes_by_contact() const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::test
