// SPDX-License-Identifier: MPL-2.0
// What a call of the vendor's XML API does to the three tables of the stand-in, and what is answered. No sockets, no
// tokens, no time. Not thread safe. A call that the vendor would refuse is answered with a Fault; nothing is thrown.
#pragma once

#include <support/fake_acoustic.hpp>

#include <pugixml.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

/// A call as it was sent, and what could be read of it. The nodes live as long as it does.
class xml_call {
public:
    explicit xml_call(std::string text);

    [[nodiscard]] const std::string& text() const { return text_; }
    /// The element inside of Body; empty when the text is not a well-formed call.
    [[nodiscard]] pugi::xml_node node() const { return node_; }
    /// Its name; "unreadable" without one, "unknown" when the vendor has no such method.
    [[nodiscard]] const std::string& method() const { return method_; }
    /// LIST_ID or TABLE_ID, "" without.
    [[nodiscard]] std::string table_id() const;
    /// The elements ROW; none where the method has no rows.
    [[nodiscard]] const std::vector<pugi::xml_node>& rows() const { return rows_; }
    /// The contacts that it is about.
    [[nodiscard]] std::set<std::string> email_ids() const;

private:
    std::string text_;
    pugi::xml_document document_;
    pugi::xml_node node_;
    std::string method_ = "unreadable";
    std::vector<pugi::xml_node> rows_;
};

/// Rows that are to fail.
struct row_fault {
    std::string holds; ///< text in the row's XML
    bool transient = false;
    std::string text; ///< its description
};

/// True when the XML of a row holds the text.
[[nodiscard]] bool row_holds(const pugi::xml_node& row, const std::string& text);

/// What a call came to.
struct vendor_effect {
    std::string answer;  ///< XML
    std::string outcome; ///< in a word or two, for the log
    bool oversized = false;
};

/// The numbers in errorid. 50, 128 and 145 are the vendor's; the others, whose numbers are not known, are ours.
enum class vendor_error {
    server_error = 50,
    unreadable_xml = 51,
    unknown_method = 52,
    unknown_table = 100,
    missing_element = 101,
    too_many_rows = 102,
    invalid_address = 121,
    not_a_member = 128,
    session_lost = 145
};

/// The answer of a call that failed as a whole.
[[nodiscard]] std::string fault_xml(int errorid, std::string_view text);

class fake_acoustic_store {
public:
    explicit fake_acoustic_store(const fake_acoustic_options& options);

    /// Rows that a fault hits fail; the rest of the call takes effect.
    vendor_effect apply(const xml_call& call, const std::vector<row_fault>& faults);

    /// "main", "newsletter", "product", or "unknown".
    [[nodiscard]] std::string_view table_name(const std::string& id) const;
    [[nodiscard]] const std::map<std::string, fake_acoustic::row>& contacts() const { return contacts_; }
    [[nodiscard]] const fake_acoustic::relational& newsletters() const { return newsletters_; }
    [[nodiscard]] const fake_acoustic::relational& products() const { return products_; }
    [[nodiscard]] const std::map<std::string, int>& writes() const { return writes_; }

private:
    struct refusal {
        vendor_error id;
        std::string text;
    };
    using verdict = std::optional<refusal>;

    vendor_effect change_rows(const xml_call& call, const std::vector<row_fault>& faults);
    [[nodiscard]] verdict change_contact(const xml_call& call);
    [[nodiscard]] verdict add_recipient(const pugi::xml_node& call);
    [[nodiscard]] verdict remove_recipient(const pugi::xml_node& call);

    std::string main_id_;
    std::string newsletter_id_;
    std::string product_id_;
    std::map<std::string, fake_acoustic::row> contacts_;
    fake_acoustic::relational newsletters_;
    fake_acoustic::relational products_;
    std::map<std::string, int> writes_;
};

} // namespace ctms::test
