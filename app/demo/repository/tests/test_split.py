import unittest

from till import split_bill


class SplitBill(unittest.TestCase):
    def test_an_even_bill(self):
        self.assertEqual([500, 500], split_bill(1000, 2))

    def test_no_cent_is_lost(self):
        self.assertEqual(1000, sum(split_bill(1000, 3)))

    def test_shares_differ_by_one_cent_at_most(self):
        shares = split_bill(1001, 3)
        self.assertLessEqual(max(shares) - min(shares), 1)

    def test_somebody_has_to_pay(self):
        with self.assertRaises(ValueError):
            split_bill(1000, 0)


if __name__ == "__main__":
    unittest.main()
